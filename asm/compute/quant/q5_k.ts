// Q5_K: Q4_K with a fifth bit: bit i of byte l of qh is that of element 32i + l.
import { addUnit, dot } from "../int8/dot";
import { vectorBytes } from "../int8/units";
import {
  bytesWith,
  highNibbles,
  lane0,
  lane1,
  lane2,
  lane3,
  lowNibbles,
  storeShifted,
  storeTop,
  TOP,
} from "./bytes";
import { scaleOf, splatScale } from "./f16";
import { firstScales, groupMinima, groupScales, lastScales, storeGroups } from "./q4_k";
import { addProducts, firstProducts } from "./q8_0";
import { SUPER_BLOCK } from "./types";

function withFifth(nibbles: v128, qh: v128, mask: i32): v128 {
  return v128.or(nibbles, v128.and(i8x16.splat(16), bytesWith(qh, mask)));
}

export function unpackQ5K(qs: usize, qh: usize, scales: usize, dm: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; qh += 32, scales += 12, dm += 4) {
    const d = scaleOf(dm) * TOP;
    const dmin = scaleOf(dm + 2);
    const firstHigh = v128.load(qh);
    const secondHigh = v128.load(qh, 16);
    let s = groupScales(scales);
    let t = groupMinima(scales);
    let mask = 1;
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; qs += 32, out += 256) {
      const first = v128.load(qs);
      const second = v128.load(qs, 16);
      let scale = d * <f32>(<u32>s & 255);
      let offset = -(dmin * <f32>(<u32>t & 255));
      storeShifted(withFifth(lowNibbles(first), firstHigh, mask), scale, offset, out);
      storeShifted(withFifth(lowNibbles(second), secondHigh, mask), scale, offset, out + 64);
      mask <<= 1;
      scale = d * <f32>((<u32>s >> 8) & 255);
      offset = -(dmin * <f32>((<u32>t >> 8) & 255));
      storeShifted(withFifth(highNibbles(first), firstHigh, mask), scale, offset, out + 128);
      storeShifted(withFifth(highNibbles(second), secondHigh, mask), scale, offset, out + 192);
      mask <<= 1;
      s >>= 16;
      t >>= 16;
    }
  }
}

// out = q times 2^24.
export function quantsQ5K(qs: usize, qh: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; qh += 32) {
    const firstHigh = v128.load(qh);
    const secondHigh = v128.load(qh, 16);
    let mask = 1;
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; qs += 32, out += 256, mask <<= 2) {
      const first = v128.load(qs);
      const second = v128.load(qs, 16);
      storeTop(withFifth(lowNibbles(first), firstHigh, mask), out);
      storeTop(withFifth(lowNibbles(second), secondHigh, mask), out + 64);
      storeTop(withFifth(highNibbles(first), firstHigh, mask << 1), out + 128);
      storeTop(withFifth(highNibbles(second), secondHigh, mask << 1), out + 192);
    }
  }
}

// Lanes of a row's product with x (../linear.ts), minima aside.
export function dotQ5K(qs: usize, qh: usize, scales: usize, dm: usize, cols: usize, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (const end = x + (cols << 2); x < end; x += 1024, qs += 128, qh += 32, scales += 12, dm += 4) {
    const d = f32x4.mul(splatScale(dm), f32x4.splat(TOP));
    const s = groupScales(scales);
    const first = v128.load(qh);
    const second = v128.load(qh, 16);
    sum = addFourGroups(sum, qs, first, second, firstScales(d, s), x);
    sum = addFourGroups(
      sum,
      qs + 64,
      i16x8.shr_u(first, 4),
      i16x8.shr_u(second, 4),
      lastScales(d, s),
      x + 512,
    );
  }
  return sum;
}

// Adds 128 elements, whose fifth bits are bits 0 to 3, by group, of the bytes of `a` (elements 0 to 15) and `b`.
function addFourGroups(sum: v128, qs: usize, a: v128, b: v128, scales: v128, x: usize): v128 {
  let first = v128.load(qs);
  let second = v128.load(qs, 16);
  let block = firstProducts(v128.or(lowNibbles(first), bit16(i16x8.shl(a, 4))), x);
  block = addProducts(block, v128.or(lowNibbles(second), bit16(i16x8.shl(b, 4))), x + 64);
  sum = f32x4.add(sum, f32x4.mul(block, lane0(scales)));
  block = firstProducts(v128.or(highNibbles(first), bit16(i16x8.shl(a, 3))), x + 128);
  block = addProducts(block, v128.or(highNibbles(second), bit16(i16x8.shl(b, 3))), x + 192);
  sum = f32x4.add(sum, f32x4.mul(block, lane1(scales)));
  first = v128.load(qs, 32);
  second = v128.load(qs, 48);
  block = firstProducts(v128.or(lowNibbles(first), bit16(i16x8.shl(a, 2))), x + 256);
  block = addProducts(block, v128.or(lowNibbles(second), bit16(i16x8.shl(b, 2))), x + 320);
  sum = f32x4.add(sum, f32x4.mul(block, lane2(scales)));
  block = firstProducts(v128.or(highNibbles(first), bit16(i16x8.shl(a, 1))), x + 384);
  block = addProducts(block, v128.or(highNibbles(second), bit16(i16x8.shl(b, 1))), x + 448);
  return f32x4.add(sum, f32x4.mul(block, lane3(scales)));
}

// As codes (int8/units.ts), of arranged rows.
export function codesQ5K(
  qs: usize,
  qh: usize,
  scales: usize,
  dm: usize,
  cols: usize,
  codes: usize,
  out: usize,
  minima: usize,
): void {
  for (const end = codes + cols; codes < end; qh += 32, scales += 12, dm += 4, out += 32, minima += 32) {
    storeGroups(scales, dm, out, minima);
    let mask = 1;
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; qs += 64, codes += 128, mask <<= 4) {
      for (let half: usize = 0; half < 2; half++) {
        const first = v128.load(qs + half * 16);
        const last = v128.load(qs + half * 16, 32);
        const high = v128.load(qh + half * 16);
        v128.store(codes + half * 64, withFifth(lowNibbles(first), high, mask));
        v128.store(codes + half * 64, withFifth(highNibbles(first), high, mask << 1), 16);
        v128.store(codes + half * 64, withFifth(lowNibbles(last), high, mask << 2), 32);
        v128.store(codes + half * 64, withFifth(highNibbles(last), high, mask << 3), 48);
      }
    }
  }
}

function bit16(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(16));
}

// Lanes of an arranged row's product with one quantised row of x, over `blocks` blocks, of two units each
// (int8/units.ts).
export function rowQ5K(qs: usize, qh: usize, scales: usize, dm: usize, blocks: usize, x: usize): v128 {
  const half = 4 * vectorBytes<u8>();
  const tail = 2 * half;
  let sum = f32x4.splat(0);
  for (; blocks > 0; blocks--, qs += 128, qh += 32, scales += 12, dm += 4) {
    const d = splatScale(dm);
    const dmin = f32x4.neg(splatScale(dm + 2));
    const s = groupScales(scales);
    const t = groupMinima(scales);
    const first = v128.load(qh);
    const second = v128.load(qh, 16);
    let sums = i32x4.add(firstUnitSums(qs, first, x), firstUnitSums(qs + 16, second, x + half));
    sum = addUnit<u8>(sum, sums, firstScales(d, s), firstScales(dmin, t), x + tail);
    x += tail + 32;
    sums = i32x4.add(lastUnitSums(qs + 64, first, x), lastUnitSums(qs + 80, second, x + half));
    sum = addUnit<u8>(sum, sums, lastScales(d, s), lastScales(dmin, t), x + tail);
    x += tail + 32;
  }
  return sum;
}

// Code sums (int8/dot.ts) of half a unit, whose fifth bits are bits 0 to 3, then 4 to 7 of the bytes of `fifth`.
function firstUnitSums(qs: usize, fifth: v128, x: usize): v128 {
  const step = vectorBytes<u8>();
  let bytes = v128.load(qs);
  let sums = dot<u8>(i32x4.splat(0), v128.or(lowNibbles(bytes), bit16(i16x8.shl(fifth, 4))), x);
  sums = dot<u8>(sums, v128.or(highNibbles(bytes), bit16(i16x8.shl(fifth, 3))), x + step);
  bytes = v128.load(qs, 32);
  sums = dot<u8>(sums, v128.or(lowNibbles(bytes), bit16(i16x8.shl(fifth, 2))), x + 2 * step);
  return dot<u8>(sums, v128.or(highNibbles(bytes), bit16(i16x8.shl(fifth, 1))), x + 3 * step);
}
function lastUnitSums(qs: usize, fifth: v128, x: usize): v128 {
  const step = vectorBytes<u8>();
  let bytes = v128.load(qs);
  let sums = dot<u8>(i32x4.splat(0), v128.or(lowNibbles(bytes), bit16(fifth)), x);
  sums = dot<u8>(sums, v128.or(highNibbles(bytes), bit16(i16x8.shr_u(fifth, 1))), x + step);
  bytes = v128.load(qs, 32);
  sums = dot<u8>(sums, v128.or(lowNibbles(bytes), bit16(i16x8.shr_u(fifth, 2))), x + 2 * step);
  return dot<u8>(sums, v128.or(highNibbles(bytes), bit16(i16x8.shr_u(fifth, 3))), x + 3 * step);
}
