// As codes.ts, for one quantised row of x: codes are taken out of their planes in registers.
import { rowIQ4NL } from "./iq4_nl";
import { rowIQ4XS } from "./iq4_xs";
import { rowMXFP4 } from "./mxfp4";
import { rowQ4, twoRowsQ4 } from "./q4_0";
import { rowQ4_1 } from "./q4_1";
import { rowQ4K } from "./q4_k";
import { rowQ5_0 } from "./q5_0";
import { rowQ5_1 } from "./q5_1";
import { rowQ5K } from "./q5_k";
import { rowQ6K } from "./q6_k";
import { rowQ8 } from "./q8_0";
import * as T from "./types";
import { planeBytes } from "./types";

// Columns that `dotCodes` takes at a time; 0 if it does not read the type.
export function dotCodesWidth(type: u32): usize {
  if (type == T.Q2_K || type == T.Q3_K || type >= T.TQ1_0) return 0;
  return type >= T.Q4_K && type != T.IQ4_NL && type != T.MXFP4 ? T.SUPER_BLOCK : 128;
}

// Lanes (int8/units.ts) of the product of `count` times dotCodesWidth columns and one quantised row.
export function dotCodes(type: u32, a: usize, b: usize, c: usize, d: usize, count: usize, x: usize): v128 {
  switch (type) {
    case T.Q4_0:
      return rowQ4(a, b, count, x);
    case T.Q4_1:
      return rowQ4_1(a, b, count, x);
    case T.Q5_0:
      return rowQ5_0(a, b, c, count, x);
    case T.Q5_1:
      return rowQ5_1(a, b, c, count, x);
    case T.Q8_0:
      return rowQ8(a, b, count, x);
    case T.Q4_K:
      return rowQ4K(a, b, c, count, x);
    case T.Q5_K:
      return rowQ5K(a, b, c, d, count, x);
    case T.Q6_K:
      return rowQ6K(a, b, c, d, count, x);
    case T.IQ4_NL:
      return rowIQ4NL(a, b, count, x);
    case T.IQ4_XS:
      return rowIQ4XS(a, b, count, x);
    default:
      return rowMXFP4(a, b, count, x);
  }
}

// Whether rows of `cols` columns may be read two at a time. Only Q4_0's are faster so: in the K encodings the scales of two
// rows leave too few registers, and Q8_0 waits for memory.
export function hasTwoRows(type: u32, cols: usize): bool {
  return ASC_FEATURE_RELAXED_SIMD && type == T.Q4_0 && cols % 128 == 0;
}

// acc[0], acc[1] = as dotCodes of all columns, of row `o` and of the row `apart` rows after it.
export function twoRows(a: usize, b: usize, o: usize, apart: usize, cols: usize, x: usize, acc: usize): void {
  const quants = planeBytes(T.Q4_0, 0, cols);
  const scales = planeBytes(T.Q4_0, 1, cols);
  twoRowsQ4(a + o * quants, apart * quants, b + o * scales, apart * scales, cols / 128, x, acc);
}
