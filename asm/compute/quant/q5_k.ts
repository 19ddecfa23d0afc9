// Q5_K: Q4_K with a fifth bit: bit i of byte l of qh is that of element 32i + l.
import { bytesWith, highNibbles, lowNibbles, storeShifted, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { groupMinima, groupScales, storeGroups } from "./q4_k";
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
