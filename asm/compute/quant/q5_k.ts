// Q5_K: Q4_K with a fifth bit: bit i of byte l of qh is that of element 32i + l.
import { addUnit, dot, sumAcross } from "../int8/dot";
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

// As codes (int8/units.ts).
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
    const firstHigh = v128.load(qh);
    const secondHigh = v128.load(qh, 16);
    let mask = 1;
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; qs += 32, codes += 64, mask <<= 2) {
      const first = v128.load(qs);
      const second = v128.load(qs, 16);
      v128.store(codes, withFifth(lowNibbles(first), firstHigh, mask));
      v128.store(codes, withFifth(lowNibbles(second), secondHigh, mask), 16);
      v128.store(codes, withFifth(highNibbles(first), firstHigh, mask << 1), 32);
      v128.store(codes, withFifth(highNibbles(second), secondHigh, mask << 1), 48);
    }
  }
}

// Code sums (int8/dot.ts) of 32 elements.
function pairSums(first: v128, second: v128, x: usize): v128 {
  return dot<u8>(dot<u8>(i32x4.splat(0), first, x), second, x + vectorBytes<u8>());
}
function bit16(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(16));
}

// Lanes of a row's product with one quantised row of x, over `blocks` blocks, of two units each (int8/units.ts).
export function rowQ5K(qs: usize, qh: usize, scales: usize, dm: usize, blocks: usize, x: usize): v128 {
  const tail = 8 * vectorBytes<u8>();
  let sum = f32x4.splat(0);
  for (; blocks > 0; blocks--, qs += 128, qh += 32, scales += 12, dm += 4) {
    const d = splatScale(dm);
    const dmin = f32x4.neg(splatScale(dm + 2));
    const s = groupScales(scales);
    const t = groupMinima(scales);
    const first = v128.load(qh);
    const second = v128.load(qh, 16);
    let sums = sumAcross(
      pairSums(
        v128.or(lowNibbles(v128.load(qs)), bit16(i16x8.shl(first, 4))),
        v128.or(lowNibbles(v128.load(qs, 16)), bit16(i16x8.shl(second, 4))),
        x,
      ),
      pairSums(
        v128.or(highNibbles(v128.load(qs)), bit16(i16x8.shl(first, 3))),
        v128.or(highNibbles(v128.load(qs, 16)), bit16(i16x8.shl(second, 3))),
        x + 2 * vectorBytes<u8>(),
      ),
      pairSums(
        v128.or(lowNibbles(v128.load(qs, 32)), bit16(i16x8.shl(first, 2))),
        v128.or(lowNibbles(v128.load(qs, 48)), bit16(i16x8.shl(second, 2))),
        x + 4 * vectorBytes<u8>(),
      ),
      pairSums(
        v128.or(highNibbles(v128.load(qs, 32)), bit16(i16x8.shl(first, 1))),
        v128.or(highNibbles(v128.load(qs, 48)), bit16(i16x8.shl(second, 1))),
        x + 6 * vectorBytes<u8>(),
      ),
    );
    sum = addUnit<u8>(sum, sums, firstScales(d, s), firstScales(dmin, t), x + tail);
    x += tail + 32;
    sums = sumAcross(
      pairSums(
        v128.or(lowNibbles(v128.load(qs, 64)), bit16(first)),
        v128.or(lowNibbles(v128.load(qs, 80)), bit16(second)),
        x,
      ),
      pairSums(
        v128.or(highNibbles(v128.load(qs, 64)), bit16(i16x8.shr_u(first, 1))),
        v128.or(highNibbles(v128.load(qs, 80)), bit16(i16x8.shr_u(second, 1))),
        x + 2 * vectorBytes<u8>(),
      ),
      pairSums(
        v128.or(lowNibbles(v128.load(qs, 96)), bit16(i16x8.shr_u(first, 2))),
        v128.or(lowNibbles(v128.load(qs, 112)), bit16(i16x8.shr_u(second, 2))),
        x + 4 * vectorBytes<u8>(),
      ),
      pairSums(
        v128.or(highNibbles(v128.load(qs, 96)), bit16(i16x8.shr_u(first, 3))),
        v128.or(highNibbles(v128.load(qs, 112)), bit16(i16x8.shr_u(second, 3))),
        x + 6 * vectorBytes<u8>(),
      ),
    );
    sum = addUnit<u8>(sum, sums, lastScales(d, s), lastScales(dmin, t), x + tail);
    x += tail + 32;
  }
  return sum;
}
