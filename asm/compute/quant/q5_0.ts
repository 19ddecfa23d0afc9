// Q5_0: d·(q - 16), blocks of 32. Nibbles in Q4_0's order; bit j of qh is the fifth bit of element j.
//
// q - 16 is the nibble where the fifth bit is set, and elsewhere the nibble with the upper four bits set.
import { addUnit, dot, sumAcross } from "../int8/dot";
import { recordBytes, vectorBytes } from "../int8/units";
import { highBits, highNibbles, lowBits, lowNibbles, storeScaled, TOP } from "./bytes";
import { fourScales, scaleOf } from "./f16";
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

// Lanes of a row's product with one quantised row of x, over `units` units (int8/units.ts).
export function rowQ5_0(qs: usize, qh: usize, d: usize, units: usize, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (; units > 0; units--, qs += 64, qh += 16, d += 8, x += recordBytes<u8>(BLOCK)) {
    const sums = sumAcross(
      fifthSums(qs, qh, x),
      fifthSums(qs + 16, qh + 4, x + 2 * vectorBytes<u8>()),
      fifthSums(qs + 32, qh + 8, x + 4 * vectorBytes<u8>()),
      fifthSums(qs + 48, qh + 12, x + 6 * vectorBytes<u8>()),
    );
    const scales = fourScales(d);
    const minima = f32x4.mul(scales, f32x4.splat(-16));
    sum = addUnit<u8>(sum, sums, scales, minima, x + 8 * vectorBytes<u8>());
  }
  return sum;
}

// Code sums (int8/dot.ts) of a block.
export function fifthSums(qs: usize, qh: usize, x: usize): v128 {
  const bytes = v128.load(qs);
  const fifth = i8x16.splat(16);
  const low = v128.or(lowNibbles(bytes), v128.and(fifth, lowBits(qh)));
  const high = v128.or(highNibbles(bytes), v128.and(fifth, highBits(qh)));
  return dot<u8>(dot<u8>(i32x4.splat(0), low, x), high, x + vectorBytes<u8>());
}
