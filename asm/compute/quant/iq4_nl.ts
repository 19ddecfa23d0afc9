// IQ4_NL: d·level[q], blocks of 32 nibbles in Q4_0's order that name one of 16 uneven levels.
import { highNibbles, lowNibbles, storeScaled, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { BLOCK } from "./types";

// The level of each nibble.
export function iq4Levels(nibbles: v128): v128 {
  const levels = i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
  return i8x16.swizzle(levels, nibbles);
}

export function unpackIQ4NL(qs: usize, d: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, qs += 16, d += 2) {
    const bytes = v128.load(qs);
    const scale = scaleOf(d) * TOP;
    storeScaled(iq4Levels(lowNibbles(bytes)), scale, out);
    storeScaled(iq4Levels(highNibbles(bytes)), scale, out + 64);
  }
}

// As codes (int8/units.ts): the levels.
export function codesIQ4NL(qs: usize, d: usize, cols: usize, codes: usize, scales: usize): void {
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, d += 2, scales += 4) {
    const bytes = v128.load(qs);
    v128.store(codes, iq4Levels(lowNibbles(bytes)));
    v128.store(codes, iq4Levels(highNibbles(bytes)), 16);
    store<f32>(scales, scaleOf(d));
  }
}
