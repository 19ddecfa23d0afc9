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
