// Q6_K: d·s·(q - 32), blocks of 256. Element 128n + 32k + l has its low four bits in nibble k / 2 of byte
// 64n + 32(k % 2) + l of ql and its high two in bits 2k of byte 32n + l of qh; each 16 elements have a signed byte s.
import { highNibbles, lowNibbles, lowPairs, nextPairs, storeScaled, TOP } from "./bytes";
import { scaleOf } from "./f16";
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
