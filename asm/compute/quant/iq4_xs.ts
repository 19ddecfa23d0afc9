// IQ4_XS: d·(s - 32)·level[q], blocks of 256: eight times 32 elements as in IQ4_NL, each with a 6-bit s. The heads
// plane holds, per block, d, two high bits of every s (16 bits) and four low bits of every s (32 bits).
import { highNibbles, lowNibbles, storeScaled, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { iq4Levels } from "./iq4_nl";
import { BLOCK, SUPER_BLOCK } from "./types";

export function unpackIQ4XS(qs: usize, heads: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; heads += 8) {
    const d = scaleOf(heads) * TOP;
    let high = <u32>load<u16>(heads, 2);
    let low = load<u32>(heads, 4);
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; out += BLOCK << 2, qs += 16) {
      const bytes = v128.load(qs);
      const scale = d * <f32>(<i32>((low & 15) | ((high & 3) << 4)) - 32);
      storeScaled(iq4Levels(lowNibbles(bytes)), scale, out);
      storeScaled(iq4Levels(highNibbles(bytes)), scale, out + 64);
      low >>= 4;
      high >>= 2;
    }
  }
}

// As codes (int8/units.ts): the levels.
export function codesIQ4XS(qs: usize, heads: usize, cols: usize, codes: usize, scales: usize): void {
  for (const end = codes + cols; codes < end; heads += 8) {
    const d = scaleOf(heads);
    let high = <u32>load<u16>(heads, 2);
    let low = load<u32>(heads, 4);
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; codes += BLOCK, qs += 16, scales += 4) {
      const bytes = v128.load(qs);
      v128.store(codes, iq4Levels(lowNibbles(bytes)));
      v128.store(codes, iq4Levels(highNibbles(bytes)), 16);
      store<f32>(scales, d * <f32>(<i32>((low & 15) | ((high & 3) << 4)) - 32));
      low >>= 4;
      high >>= 2;
    }
  }
}
