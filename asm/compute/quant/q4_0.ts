// Q4_0: blocks of 32 nibbles n that mean n - 8, and one half as their scale. Byte j holds element j in its low and
// element j + 16 in its high nibble.
//
// A nibble in the upper half of a byte with its top bit flipped is 16(n - 8) as a signed byte; from there on the
// arithmetic is Q8_0's, and Q4_FACTOR takes the 16 off together with the 2^24.

import { addUnit, dot, dotTwo, joinPairs, sumAcross, sumPairs } from "../int8/dot";
import { recordBytes, vectorBytes } from "../int8/units";
import { highNibbles, lowNibbles, storeTop } from "./bytes";
import { fourScales, scaleOf, splatScale } from "./f16";
import { addProducts, firstProducts } from "./q8_0";
import { BLOCK } from "./types";

export const Q4_FACTOR: f32 = 1.0 / 268435456.0;

// 16(n - 8) of the high nibbles, then of the low ones.
function signedHigh(bytes: v128): v128 {
  return v128.xor(v128.and(bytes, i8x16.splat(-16)), i8x16.splat(-128));
}
function signedLow(bytes: v128): v128 {
  return signedHigh(i16x8.shl(bytes, 4));
}

// acc[0..4) = lane sums (times 2^28) of four rows of `cols` quants times x: rows 0 to 3 from `quants` on, `rowQuants`
// bytes apart, with `last` (0 to 3) in place of those after it; their scales likewise.
export function dotRowsQ4(
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
  for (const end = quants + (cols >> 1); quants < end; quants += 16, x += BLOCK << 2, scales += 2) {
    let bytes = v128.load(quants);
    let block = addProducts(firstProducts(signedLow(bytes), x), signedHigh(bytes), x + 64);
    sumA = f32x4.add(sumA, f32x4.mul(block, splatScale(scales)));
    bytes = v128.load(quants + b);
    block = addProducts(firstProducts(signedLow(bytes), x), signedHigh(bytes), x + 64);
    sumB = f32x4.add(sumB, f32x4.mul(block, splatScale(scales + scaleB)));
    bytes = v128.load(quants + c);
    block = addProducts(firstProducts(signedLow(bytes), x), signedHigh(bytes), x + 64);
    sumC = f32x4.add(sumC, f32x4.mul(block, splatScale(scales + scaleC)));
    bytes = v128.load(quants + d);
    block = addProducts(firstProducts(signedLow(bytes), x), signedHigh(bytes), x + 64);
    sumD = f32x4.add(sumD, f32x4.mul(block, splatScale(scales + scaleD)));
  }
  v128.store(acc, sumA);
  v128.store(acc, sumB, 16);
  v128.store(acc, sumC, 32);
  v128.store(acc, sumD, 48);
}

// out = quants times 2^28, unscaled.
export function unpackQ4(quants: usize, cols: usize, out: usize): void {
  for (const end = quants + (cols >> 1); quants < end; quants += 16, out += 128) {
    const bytes = v128.load(quants);
    storeTop(signedLow(bytes), out);
    storeTop(signedHigh(bytes), out + 64);
  }
}

// As codes (int8/units.ts): n, of which 8 is taken by the minimum.
export function codesQ4(qs: usize, d: usize, cols: usize, codes: usize, scales: usize, minima: usize): void {
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, d += 2, scales += 4, minima += 4) {
    const bytes = v128.load(qs);
    v128.store(codes, lowNibbles(bytes));
    v128.store(codes, highNibbles(bytes), 16);
    const scale = scaleOf(d);
    store<f32>(scales, scale);
    store<f32>(minima, -8 * scale);
  }
}

// Lanes of a row's product with one quantised row of x, over `units` units (int8/units.ts).
export function rowQ4(qs: usize, d: usize, units: usize, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (; units > 0; units--, qs += 64, d += 8, x += recordBytes<u8>(BLOCK)) {
    const sums = sumAcross(
      nibbleSums(v128.load(qs), x),
      nibbleSums(v128.load(qs, 16), x + 2 * vectorBytes<u8>()),
      nibbleSums(v128.load(qs, 32), x + 4 * vectorBytes<u8>()),
      nibbleSums(v128.load(qs, 48), x + 6 * vectorBytes<u8>()),
    );
    const scales = fourScales(d);
    const minima = f32x4.mul(scales, f32x4.splat(-8));
    sum = addUnit<u8>(sum, sums, scales, minima, x + 8 * vectorBytes<u8>());
  }
  return sum;
}

// acc[0] and acc[1] = as rowQ4, of two rows whose quants and scales are `apart` and `scalesApart` bytes apart.
export function twoRowsQ4(
  qs: usize,
  apart: usize,
  d: usize,
  scalesApart: usize,
  units: usize,
  x: usize,
  acc: usize,
): void {
  const step = vectorBytes<u8>();
  const tail = 8 * step;
  const minus8 = f32x4.splat(-8);
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  for (; units > 0; units--, qs += 64, d += 8, x += tail + 32) {
    let low = v128.load(x);
    let high = v128.load(x + step);
    let a = nibblesTwo(v128.load(qs), low, high);
    let b = nibblesTwo(v128.load(qs + apart), low, high);
    low = v128.load(x + 2 * step);
    high = v128.load(x + 3 * step);
    a = sumPairs(a, nibblesTwo(v128.load(qs, 16), low, high));
    b = sumPairs(b, nibblesTwo(v128.load(qs + apart, 16), low, high));
    low = v128.load(x + 4 * step);
    high = v128.load(x + 5 * step);
    let lastA = nibblesTwo(v128.load(qs, 32), low, high);
    let lastB = nibblesTwo(v128.load(qs + apart, 32), low, high);
    low = v128.load(x + 6 * step);
    high = v128.load(x + 7 * step);
    lastA = sumPairs(lastA, nibblesTwo(v128.load(qs, 48), low, high));
    lastB = sumPairs(lastB, nibblesTwo(v128.load(qs + apart, 48), low, high));
    let scales = fourScales(d);
    sumA = addUnit<u8>(sumA, joinPairs(a, lastA), scales, f32x4.mul(scales, minus8), x + tail);
    scales = fourScales(d + scalesApart);
    sumB = addUnit<u8>(sumB, joinPairs(b, lastB), scales, f32x4.mul(scales, minus8), x + tail);
  }
  v128.store(acc, sumA);
  v128.store(acc, sumB, 16);
}
function nibblesTwo(bytes: v128, low: v128, high: v128): v128 {
  return dotTwo(lowNibbles(bytes), highNibbles(bytes), low, high);
}

// Code sums (int8/dot.ts) of a block.
export function nibbleSums(bytes: v128, x: usize): v128 {
  const low = dot<u8>(i32x4.splat(0), lowNibbles(bytes), x);
  return dot<u8>(low, highNibbles(bytes), x + vectorBytes<u8>());
}
