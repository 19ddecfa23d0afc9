// Q5_0: d·(q - 16), blocks of 32. Nibbles in Q4_0's order; bit j of qh is the fifth bit of element j.
//
// q - 16 is the nibble where the fifth bit is set, and elsewhere the nibble with the upper four bits set.
import { highBits, highNibbles, lowBits, lowNibbles, storeScaled, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { BLOCK } from "./types";

export function unpackQ5_0(qs: usize, qh: usize, d: usize, cols: usize, out: usize): void {
  const minus16 = i8x16.splat(-16);
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, qs += 16, qh += 4, d += 2) {
    const bytes = v128.load(qs);
    const scale = scaleOf(d) * TOP;
    storeScaled(v128.or(lowNibbles(bytes), v128.andnot(minus16, lowBits(qh))), scale, out);
    storeScaled(v128.or(highNibbles(bytes), v128.andnot(minus16, highBits(qh))), scale, out + 64);
  }
}

// As codes (int8/units.ts): q, of which 16 is taken by the minimum.
export function codesQ5_0(
  qs: usize,
  qh: usize,
  d: usize,
  cols: usize,
  codes: usize,
  scales: usize,
  minima: usize,
): void {
  const fifth = i8x16.splat(16);
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, qh += 4, d += 2) {
    const bytes = v128.load(qs);
    v128.store(codes, v128.or(lowNibbles(bytes), v128.and(fifth, lowBits(qh))));
    v128.store(codes, v128.or(highNibbles(bytes), v128.and(fifth, highBits(qh))), 16);
    const scale = scaleOf(d);
    store<f32>(scales, scale);
    store<f32>(minima, -16 * scale);
    scales += 4;
    minima += 4;
  }
}
