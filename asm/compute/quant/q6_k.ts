// Q6_K: d·s·(q - 32), blocks of 256. Element 128n + 32k + l has its low four bits in nibble k / 2 of byte
// 64n + 32(k % 2) + l of ql and its high two in bits 2k of byte 32n + l of qh; each 16 elements have a signed byte s.
import { addUnit, dot, sumAcross } from "../int8/dot";
import { vectorBytes } from "../int8/units";
import { highNibbles, lowNibbles, lowPairs, nextPairs, storeScaled, TOP } from "./bytes";
import { scaleOf, splatScale } from "./f16";
import { SUPER_BLOCK } from "./types";

function sixBits(nibbles: v128, pairs: v128): v128 {
  return i8x16.sub(v128.or(nibbles, i16x8.shl(lowPairs(pairs), 4)), i8x16.splat(32));
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

function sixBitCodes(nibbles: v128, pairs: v128): v128 {
  return v128.or(nibbles, i16x8.shl(lowPairs(pairs), 4));
}

// As codes (int8/units.ts), in groups of 16: the six bits, of which 32 is taken by the minimum.
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

// Lanes of a row's product with one quantised row of x, over `blocks` blocks, of four units each (int8/units.ts).
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
      let sums = sumAcross(
        dot<u8>(zero, v128.or(lowNibbles(a), bits48(i16x8.shl(first, 4))), x),
        dot<u8>(zero, v128.or(lowNibbles(b), bits48(i16x8.shl(second, 4))), x + step),
        dot<u8>(zero, v128.or(lowNibbles(c), bits48(i16x8.shl(first, 2))), x + 2 * step),
        dot<u8>(zero, v128.or(lowNibbles(e), bits48(i16x8.shl(second, 2))), x + 3 * step),
      );
      let groups = fourScales(d, scales);
      sum = addUnit<u8>(sum, sums, groups, f32x4.mul(groups, minus32), x + tail);
      x += tail + 32;
      sums = sumAcross(
        dot<u8>(zero, v128.or(highNibbles(a), bits48(first)), x),
        dot<u8>(zero, v128.or(highNibbles(b), bits48(second)), x + step),
        dot<u8>(zero, v128.or(highNibbles(c), bits48(i16x8.shr_u(first, 2))), x + 2 * step),
        dot<u8>(zero, v128.or(highNibbles(e), bits48(i16x8.shr_u(second, 2))), x + 3 * step),
      );
      groups = fourScales(d, scales + 4);
      sum = addUnit<u8>(sum, sums, groups, f32x4.mul(groups, minus32), x + tail);
      x += tail + 32;
    }
  }
  return sum;
}
