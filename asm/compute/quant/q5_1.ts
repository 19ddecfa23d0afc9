// Q5_1: d·q + m, blocks of 32. Nibbles in Q4_0's order; bit j of qh is the fifth bit of element j.
import { addUnit, sumAcross } from "../int8/dot";
import { recordBytes, vectorBytes } from "../int8/units";
import { highBits, highNibbles, lowBits, lowNibbles, storeShifted, TOP } from "./bytes";
import { firstHalves, scaleOf, secondHalves } from "./f16";
import { fifthSums } from "./q5_0";
import { BLOCK } from "./types";

export function unpackQ5_1(qs: usize, qh: usize, dm: usize, cols: usize, out: usize): void {
  const fifth = i8x16.splat(16);
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, qs += 16, qh += 4, dm += 4) {
    const bytes = v128.load(qs);
    const d = scaleOf(dm) * TOP;
    const m = scaleOf(dm + 2);
    storeShifted(v128.or(lowNibbles(bytes), v128.and(fifth, lowBits(qh))), d, m, out);
    storeShifted(v128.or(highNibbles(bytes), v128.and(fifth, highBits(qh))), d, m, out + 64);
  }
}

// As codes (int8/units.ts).
export function codesQ5_1(
  qs: usize,
  qh: usize,
  dm: usize,
  cols: usize,
  codes: usize,
  scales: usize,
  minima: usize,
): void {
  const fifth = i8x16.splat(16);
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, qh += 4, dm += 4) {
    const bytes = v128.load(qs);
    v128.store(codes, v128.or(lowNibbles(bytes), v128.and(fifth, lowBits(qh))));
    v128.store(codes, v128.or(highNibbles(bytes), v128.and(fifth, highBits(qh))), 16);
    store<f32>(scales, scaleOf(dm));
    store<f32>(minima, scaleOf(dm + 2));
    scales += 4;
    minima += 4;
  }
}

// Lanes of a row's product with one quantised row of x, over `units` units (int8/units.ts).
export function rowQ5_1(qs: usize, qh: usize, dm: usize, units: usize, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (; units > 0; units--, qs += 64, qh += 16, dm += 16, x += recordBytes<u8>(BLOCK)) {
    const sums = sumAcross(
      fifthSums(qs, qh, x),
      fifthSums(qs + 16, qh + 4, x + 2 * vectorBytes<u8>()),
      fifthSums(qs + 32, qh + 8, x + 4 * vectorBytes<u8>()),
      fifthSums(qs + 48, qh + 12, x + 6 * vectorBytes<u8>()),
    );
    const pairs = v128.load(dm);
    sum = addUnit<u8>(sum, sums, firstHalves(pairs), secondHalves(pairs), x + 8 * vectorBytes<u8>());
  }
  return sum;
}
