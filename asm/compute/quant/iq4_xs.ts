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
