// Q8_0: blocks of 32 signed bytes and one half as their scale.
//
// Quants are used as the f32 of their top bytes, and what that is too much (TOP) is taken off at the very end.
import { addUnit, dot, sumAcross } from "../int8/dot";
import { recordBytes, vectorBytes } from "../int8/units";
import { storeTop, topBytes0, topBytes1, topBytes2, topBytes3 } from "./bytes";
import { fourScales, scaleOf, splatScale } from "./f16";
import { BLOCK } from "./types";

// Lane sums of sixteen bytes (times 2^24) and the sixteen values at x, added to `sum` in ascending order.
export function addProducts(sum: v128, bytes: v128, x: usize): v128 {
  sum = f32x4.add(sum, f32x4.mul(topBytes0(bytes), v128.load(x)));
  sum = f32x4.add(sum, f32x4.mul(topBytes1(bytes), v128.load(x, 16)));
  sum = f32x4.add(sum, f32x4.mul(topBytes2(bytes), v128.load(x, 32)));
  return f32x4.add(sum, f32x4.mul(topBytes3(bytes), v128.load(x, 48)));
}

// As addProducts, at the start of a block, where there is nothing to add to yet.
export function firstProducts(bytes: v128, x: usize): v128 {
  let sum = f32x4.mul(topBytes0(bytes), v128.load(x));
  sum = f32x4.add(sum, f32x4.mul(topBytes1(bytes), v128.load(x, 16)));
  sum = f32x4.add(sum, f32x4.mul(topBytes2(bytes), v128.load(x, 32)));
  return f32x4.add(sum, f32x4.mul(topBytes3(bytes), v128.load(x, 48)));
}

// Lane sums of a block times 32 values at x.
function blockSum(quants: usize, x: usize): v128 {
  return addProducts(firstProducts(v128.load(quants), x), v128.load(quants, 16), x + 64);
}

// acc[0..4) = lane sums (times 2^24) of four rows of `cols` quants times x: rows 0 to 3 from `quants` on, `rowQuants`
// bytes apart, with `last` (0 to 3) in place of those after it; their scales likewise.
export function dotRowsQ8(
  quants: usize,
  rowQuants: usize,
  scales: usize,
  rowScales: usize,
  last: usize,
  cols: usize,
  x: usize,
  acc: usize,
): void {
  const b = min(1, last) * rowQuants;
  const c = min(2, last) * rowQuants;
  const d = min(3, last) * rowQuants;
  const scaleB = min(1, last) * rowScales;
  const scaleC = min(2, last) * rowScales;
  const scaleD = min(3, last) * rowScales;
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (const end = quants + cols; quants < end; quants += BLOCK, x += BLOCK << 2, scales += 2) {
    sumA = f32x4.add(sumA, f32x4.mul(blockSum(quants, x), splatScale(scales)));
    sumB = f32x4.add(sumB, f32x4.mul(blockSum(quants + b, x), splatScale(scales + scaleB)));
    sumC = f32x4.add(sumC, f32x4.mul(blockSum(quants + c, x), splatScale(scales + scaleC)));
    sumD = f32x4.add(sumD, f32x4.mul(blockSum(quants + d, x), splatScale(scales + scaleD)));
  }
  v128.store(acc, sumA);
  v128.store(acc, sumB, 16);
  v128.store(acc, sumC, 32);
  v128.store(acc, sumD, 48);
}

// out = quants times 2^24, unscaled.
export function unpackQ8(quants: usize, cols: usize, out: usize): void {
  for (const end = quants + cols; quants < end; quants += 16, out += 64) {
    storeTop(v128.load(quants), out);
  }
}

// As codes (int8/units.ts): the quants, and a scale a block.
export function codesQ8(quants: usize, d: usize, cols: usize, codes: usize, scales: usize): void {
  memory.copy(codes, quants, cols);
  for (let block: usize = 0; block < cols / BLOCK; block++) {
    store<f32>(scales + (block << 2), scaleOf(d + (block << 1)));
  }
}

// Lanes of a row's product with one quantised row of x, over `units` units (int8/units.ts).
export function rowQ8(quants: usize, d: usize, units: usize, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (; units > 0; units--, quants += 128, d += 8, x += recordBytes<i8>(BLOCK)) {
    const sums = sumAcross(
      quantSums(quants, x),
      quantSums(quants + 32, x + 2 * vectorBytes<i8>()),
      quantSums(quants + 64, x + 4 * vectorBytes<i8>()),
      quantSums(quants + 96, x + 6 * vectorBytes<i8>()),
    );
    sum = addUnit<i8>(sum, sums, fourScales(d), sum, x + 8 * vectorBytes<i8>());
  }
  return sum;
}

// Code sums (int8/dot.ts) of a block.
function quantSums(quants: usize, x: usize): v128 {
  const first = dot<i8>(i32x4.splat(0), v128.load(quants), x);
  return dot<i8>(first, v128.load(quants, 16), x + vectorBytes<i8>());
}
