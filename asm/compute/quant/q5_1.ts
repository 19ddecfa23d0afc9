// Q5_1: d·q + m, blocks of 32. Nibbles in Q4_0's order; bit j of qh is the fifth bit of element j.
import { highBits, highNibbles, lowBits, lowNibbles, storeShifted, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { BLOCK } from "./types";

export function unpackQ5_1(qs: usize, qh: usize, dm: usize, cols: usize, out: usize): void {
  const fifth = i8x16.splat(16);
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, qs += 16, qh += 4, dm += 4) {
    const bytes = v128.load(qs);
    const d = scaleOf(dm) * TOP;
    const m = scaleOf(dm + 2);
    storeShifted(v128.or(lowNibbles(bytes), v128.and(fifth, lowBits(qh))), d, m, out);
    storeShifted(v128.or(highNibbles(bytes), v128.and(fifth, highBits(qh))), d, m, out + 64);
  }
}

// As codes (int8/units.ts).
export function codesQ5_1(
  qs: usize,
  qh: usize,
  dm: usize,
  cols: usize,
  codes: usize,
  scales: usize,
  minima: usize,
): void {
  const fifth = i8x16.splat(16);
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, qh += 4, dm += 4) {
    const bytes = v128.load(qs);
    v128.store(codes, v128.or(lowNibbles(bytes), v128.and(fifth, lowBits(qh))));
    v128.store(codes, v128.or(highNibbles(bytes), v128.and(fifth, highBits(qh))), 16);
    store<f32>(scales, scaleOf(dm));
    store<f32>(minima, scaleOf(dm + 2));
    scales += 4;
    minima += 4;
  }
}
