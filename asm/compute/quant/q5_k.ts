// Q5_K: Q4_K with a fifth bit: bit i of byte l of qh is that of element 32i + l.
import { addUnit, dot, sumAcross } from "../int8/dot";
import { vectorBytes } from "../int8/units";
import { bytesWith, highNibbles, lowNibbles, storeShifted, TOP } from "./bytes";
import { scaleOf, splatScale } from "./f16";
import { firstScales, groupMinima, groupScales, lastScales, storeGroups } from "./q4_k";
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
