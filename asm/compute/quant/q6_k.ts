// Q6_K: d·s·(q - 32), blocks of 256. Element 128n + 32k + l has its low four bits in nibble k / 2 of byte
// 64n + 32(k % 2) + l of ql and its high two in bits 2k of byte 32n + l of qh; each 16 elements have a signed byte s.
import { addUnit, dot } from "../int8/dot";
import { vectorBytes } from "../int8/units";
import {
  highNibbles,
  lane0,
  lane1,
  lane2,
  lane3,
  lowNibbles,
  lowPairs,
  nextPairs,
  storeScaled,
  TOP,
  topBytes0,
  topBytes1,
  topBytes2,
  topBytes3,
} from "./bytes";
import { scaleOf, splatScale } from "./f16";
import { SUPER_BLOCK } from "./types";

// q - 32 of the low four bits and the high two, where they are in q.
function signedSix(nibbles: v128, high: v128): v128 {
  return i8x16.sub(v128.or(nibbles, high), i8x16.splat(32));
}
function sixBits(nibbles: v128, pairs: v128): v128 {
  return signedSix(nibbles, i16x8.shl(lowPairs(pairs), 4));
}

export function unpackQ6K(ql: usize, qh: usize, scales: usize, halves: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; halves += 2) {
    const d = scaleOf(halves) * TOP;
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; ql += 64, qh += 32) {
      for (let half: usize = 0; half < 32; half += 16) {
        const first = v128.load(ql + half);
        const second = v128.load(ql + half, 32);
        let high = v128.load(qh + half);
        const s = scales + (half >> 4);
        const to = out + (half << 2);
        storeScaled(sixBits(lowNibbles(first), high), d * <f32>load<i8>(s), to);
        high = nextPairs(high);
        storeScaled(sixBits(lowNibbles(second), high), d * <f32>load<i8>(s, 2), to + 128);
        high = nextPairs(high);
        storeScaled(sixBits(highNibbles(first), high), d * <f32>load<i8>(s, 4), to + 256);
        high = nextPairs(high);
        storeScaled(sixBits(highNibbles(second), high), d * <f32>load<i8>(s, 6), to + 384);
      }
      scales += 8;
      out += 512;
    }
  }
}

// Lanes of a row's product with x (../linear.ts).
export function dotQ6K(ql: usize, qh: usize, scales: usize, halves: usize, cols: usize, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (const end = ql + (cols >> 1); ql < end; halves += 2) {
    const d = f32x4.mul(splatScale(halves), f32x4.splat(TOP));
    for (const blockEnd = ql + 128; ql < blockEnd; ql += 64, qh += 32, scales += 8, x += 512) {
      const a = v128.load(ql);
      const b = v128.load(ql, 16);
      const c = v128.load(ql, 32);
      const e = v128.load(ql, 48);
      const first = v128.load(qh);
      const second = v128.load(qh, 16);
      let groups = fourScales(d, scales);
      let block = firstNumbers(signedSix(lowNibbles(a), bits48(i16x8.shl(first, 4))), lane0(groups), x);
      block = addNumbers(
        block,
        signedSix(lowNibbles(b), bits48(i16x8.shl(second, 4))),
        lane1(groups),
        x + 64,
      );
      sum = f32x4.add(sum, block);
      block = firstNumbers(signedSix(lowNibbles(c), bits48(i16x8.shl(first, 2))), lane2(groups), x + 128);
      block = addNumbers(
        block,
        signedSix(lowNibbles(e), bits48(i16x8.shl(second, 2))),
        lane3(groups),
        x + 192,
      );
      sum = f32x4.add(sum, block);
      groups = fourScales(d, scales + 4);
      block = firstNumbers(signedSix(highNibbles(a), bits48(first)), lane0(groups), x + 256);
      block = addNumbers(block, signedSix(highNibbles(b), bits48(second)), lane1(groups), x + 320);
      sum = f32x4.add(sum, block);
      block = firstNumbers(signedSix(highNibbles(c), bits48(i16x8.shr_u(first, 2))), lane2(groups), x + 384);
      block = addNumbers(
        block,
        signedSix(highNibbles(e), bits48(i16x8.shr_u(second, 2))),
        lane3(groups),
        x + 448,
      );
      sum = f32x4.add(sum, block);
    }
  }
  return sum;
}

// Lane sums of sixteen numbers `scale` · bytes, rounded as unpackQ6K does, and the values at x, in ascending order.
function firstNumbers(bytes: v128, scale: v128, x: usize): v128 {
  let sum = f32x4.mul(f32x4.mul(topBytes0(bytes), scale), v128.load(x));
  sum = f32x4.add(sum, f32x4.mul(f32x4.mul(topBytes1(bytes), scale), v128.load(x, 16)));
  sum = f32x4.add(sum, f32x4.mul(f32x4.mul(topBytes2(bytes), scale), v128.load(x, 32)));
  return f32x4.add(sum, f32x4.mul(f32x4.mul(topBytes3(bytes), scale), v128.load(x, 48)));
}
function addNumbers(sum: v128, bytes: v128, scale: v128, x: usize): v128 {
  sum = f32x4.add(sum, f32x4.mul(f32x4.mul(topBytes0(bytes), scale), v128.load(x)));
  sum = f32x4.add(sum, f32x4.mul(f32x4.mul(topBytes1(bytes), scale), v128.load(x, 16)));
  sum = f32x4.add(sum, f32x4.mul(f32x4.mul(topBytes2(bytes), scale), v128.load(x, 32)));
  return f32x4.add(sum, f32x4.mul(f32x4.mul(topBytes3(bytes), scale), v128.load(x, 48)));
}

function sixBitCodes(nibbles: v128, pairs: v128): v128 {
  return v128.or(nibbles, i16x8.shl(lowPairs(pairs), 4));
}

// As codes (int8/units.ts), of arranged rows, in groups of 16: the six bits, of which 32 is taken by the minimum.
export function codesQ6K(
  ql: usize,
  qh: usize,
  scales: usize,
  halves: usize,
  cols: usize,
  codes: usize,
  out: usize,
  minima: usize,
): void {
  for (const end = codes + cols; codes < end; halves += 2) {
    const d = scaleOf(halves);
    for (const groupEnd = out + 64; out < groupEnd; scales++, out += 4, minima += 4) {
      const scale = d * <f32>load<i8>(scales);
      store<f32>(out, scale);
      store<f32>(minima, -32 * scale);
    }
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; ql += 64, qh += 32, codes += 128) {
      for (let half: usize = 0; half < 32; half += 16) {
        const first = v128.load(ql + half);
        const second = v128.load(ql + half, 32);
        let high = v128.load(qh + half);
        v128.store(codes + half, sixBitCodes(lowNibbles(first), high));
        high = nextPairs(high);
        v128.store(codes + half, sixBitCodes(lowNibbles(second), high), 32);
        high = nextPairs(high);
        v128.store(codes + half, sixBitCodes(highNibbles(first), high), 64);
        high = nextPairs(high);
        v128.store(codes + half, sixBitCodes(highNibbles(second), high), 96);
      }
    }
  }
}

function bits48(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(48));
}

// d · four signed bytes.
function fourScales(d: v128, scales: usize): v128 {
  const words = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(scales)));
  return f32x4.mul(d, f32x4.convert_i32x4_s(words));
}

// Lanes of an arranged row's product with one quantised row of x, over `blocks` blocks, of four units each
// (int8/units.ts). Two sums of a unit run side by side, as in Q4_K.
export function rowQ6K(ql: usize, qh: usize, scales: usize, halves: usize, blocks: usize, x: usize): v128 {
  const step = vectorBytes<u8>();
  const tail = 4 * step;
  const zero = i32x4.splat(0);
  const minus32 = f32x4.splat(-32);
  let sum = f32x4.splat(0);
  for (; blocks > 0; blocks--, halves += 2) {
    const d = splatScale(halves);
    for (const end = ql + 128; ql < end; ql += 64, qh += 32, scales += 8) {
      const a = v128.load(ql);
      const b = v128.load(ql, 16);
      const c = v128.load(ql, 32);
      const e = v128.load(ql, 48);
      const first = v128.load(qh);
      const second = v128.load(qh, 16);
      let even = dot<u8>(zero, v128.or(lowNibbles(a), bits48(i16x8.shl(first, 4))), x);
      let odd = dot<u8>(zero, v128.or(lowNibbles(b), bits48(i16x8.shl(second, 4))), x + step);
      even = dot<u8>(even, v128.or(lowNibbles(c), bits48(i16x8.shl(first, 2))), x + 2 * step);
      odd = dot<u8>(odd, v128.or(lowNibbles(e), bits48(i16x8.shl(second, 2))), x + 3 * step);
      let groups = fourScales(d, scales);
      sum = addUnit<u8>(sum, i32x4.add(even, odd), groups, f32x4.mul(groups, minus32), x + tail);
      x += tail + 32;
      even = dot<u8>(zero, v128.or(highNibbles(a), bits48(first)), x);
      odd = dot<u8>(zero, v128.or(highNibbles(b), bits48(second)), x + step);
      even = dot<u8>(even, v128.or(highNibbles(c), bits48(i16x8.shr_u(first, 2))), x + 2 * step);
      odd = dot<u8>(odd, v128.or(highNibbles(e), bits48(i16x8.shr_u(second, 2))), x + 3 * step);
      groups = fourScales(d, scales + 4);
      sum = addUnit<u8>(sum, i32x4.add(even, odd), groups, f32x4.mul(groups, minus32), x + tail);
      x += tail + 32;
    }
  }
  return sum;
}
