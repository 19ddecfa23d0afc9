// IQ4_NL: d·level[q], blocks of 32 nibbles in Q4_0's order that name one of 16 uneven levels.
import { addUnit, dot, sumAcross } from "../int8/dot";
import { recordBytes, vectorBytes } from "../int8/units";
import { highNibbles, lowNibbles, storeScaled, TOP } from "./bytes";
import { fourScales, scaleOf } from "./f16";
import { BLOCK } from "./types";

export function iq4Table(): v128 {
  return i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
}

// The level of each nibble.
export function iq4Levels(nibbles: v128): v128 {
  return i8x16.swizzle(iq4Table(), nibbles);
}

export function unpackIQ4NL(qs: usize, d: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, qs += 16, d += 2) {
    const bytes = v128.load(qs);
    const scale = scaleOf(d) * TOP;
    storeScaled(iq4Levels(lowNibbles(bytes)), scale, out);
    storeScaled(iq4Levels(highNibbles(bytes)), scale, out + 64);
  }
}

// As codes (int8/units.ts): the levels.
export function codesIQ4NL(qs: usize, d: usize, cols: usize, codes: usize, scales: usize): void {
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, d += 2, scales += 4) {
    const bytes = v128.load(qs);
    v128.store(codes, iq4Levels(lowNibbles(bytes)));
    v128.store(codes, iq4Levels(highNibbles(bytes)), 16);
    store<f32>(scales, scaleOf(d));
  }
}

// Code sums (int8/dot.ts) of a block of nibbles that name `levels`.
export function levelSums(levels: v128, bytes: v128, x: usize): v128 {
  const low = dot<i8>(i32x4.splat(0), i8x16.swizzle(levels, lowNibbles(bytes)), x);
  return dot<i8>(low, i8x16.swizzle(levels, highNibbles(bytes)), x + vectorBytes<i8>());
}

// Lanes of a row's product with one quantised row of x, over `units` units (int8/units.ts).
export function rowIQ4NL(qs: usize, d: usize, units: usize, x: usize): v128 {
  const levels = iq4Table();
  let sum = f32x4.splat(0);
  for (; units > 0; units--, qs += 64, d += 8, x += recordBytes<i8>(BLOCK)) {
    const sums = sumAcross(
      levelSums(levels, v128.load(qs), x),
      levelSums(levels, v128.load(qs, 16), x + 2 * vectorBytes<i8>()),
      levelSums(levels, v128.load(qs, 32), x + 4 * vectorBytes<i8>()),
      levelSums(levels, v128.load(qs, 48), x + 6 * vectorBytes<i8>()),
    );
    sum = addUnit<i8>(sum, sums, fourScales(d), sum, x + 8 * vectorBytes<i8>());
  }
  return sum;
}
