// Q4_1: d·q + m, blocks of 32 nibbles in Q4_0's order.
import { addUnit, sumAcross } from "../int8/dot";
import { recordBytes, vectorBytes } from "../int8/units";
import { highNibbles, lowNibbles, storeShifted, TOP } from "./bytes";
import { firstHalves, scaleOf, secondHalves } from "./f16";
import { nibbleSums } from "./q4_0";
import { BLOCK } from "./types";

export function unpackQ4_1(qs: usize, dm: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, qs += 16, dm += 4) {
    const bytes = v128.load(qs);
    const d = scaleOf(dm) * TOP;
    const m = scaleOf(dm + 2);
    storeShifted(lowNibbles(bytes), d, m, out);
    storeShifted(highNibbles(bytes), d, m, out + 64);
  }
}

// As codes (int8/units.ts).
export function codesQ4_1(
  qs: usize,
  dm: usize,
  cols: usize,
  codes: usize,
  scales: usize,
  minima: usize,
): void {
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, dm += 4, scales += 4, minima += 4) {
    const bytes = v128.load(qs);
    v128.store(codes, lowNibbles(bytes));
    v128.store(codes, highNibbles(bytes), 16);
    store<f32>(scales, scaleOf(dm));
    store<f32>(minima, scaleOf(dm + 2));
  }
}

// Lanes of a row's product with one quantised row of x, over `units` units (int8/units.ts).
export function rowQ4_1(qs: usize, dm: usize, units: usize, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (; units > 0; units--, qs += 64, dm += 16, x += recordBytes<u8>(BLOCK)) {
    const sums = sumAcross(
      nibbleSums(v128.load(qs), x),
      nibbleSums(v128.load(qs, 16), x + 2 * vectorBytes<u8>()),
      nibbleSums(v128.load(qs, 32), x + 4 * vectorBytes<u8>()),
      nibbleSums(v128.load(qs, 48), x + 6 * vectorBytes<u8>()),
    );
    const pairs = v128.load(dm);
    sum = addUnit<u8>(sum, sums, firstHalves(pairs), secondHalves(pairs), x + 8 * vectorBytes<u8>());
  }
  return sum;
}
