// Q4_1: d·q + m, blocks of 32 nibbles in Q4_0's order.
import { highNibbles, lowNibbles, storeShifted, TOP } from "./bytes";
import { scaleOf } from "./f16";
import { BLOCK } from "./types";

export function unpackQ4_1(qs: usize, dm: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, qs += 16, dm += 4) {
    const bytes = v128.load(qs);
    const d = scaleOf(dm) * TOP;
    const m = scaleOf(dm + 2);
    storeShifted(lowNibbles(bytes), d, m, out);
    storeShifted(highNibbles(bytes), d, m, out + 64);
  }
}

// As codes (int8/units.ts).
export function codesQ4_1(
  qs: usize,
  dm: usize,
  cols: usize,
  codes: usize,
  scales: usize,
  minima: usize,
): void {
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, dm += 4, scales += 4, minima += 4) {
    const bytes = v128.load(qs);
    v128.store(codes, lowNibbles(bytes));
    v128.store(codes, highNibbles(bytes), 16);
    store<f32>(scales, scaleOf(dm));
    store<f32>(minima, scaleOf(dm + 2));
  }
}
