// As matrix.ts, for products on int8 activations: a piece of a matrix row as codes, scales and minima.
import { codesIQ4NL } from "./iq4_nl";
import { codesIQ4XS } from "./iq4_xs";
import { codesMXFP4 } from "./mxfp4";
import { codesQ2K } from "./q2_k";
import { codesQ3K } from "./q3_k";
import { codesQ4 } from "./q4_0";
import { codesQ4_1 } from "./q4_1";
import { codesQ4K } from "./q4_k";
import { codesQ5_0 } from "./q5_0";
import { codesQ5_1 } from "./q5_1";
import { codesQ5K } from "./q5_k";
import { codesQ6K } from "./q6_k";
import { codesQ8 } from "./q8_0";
import { codesTQ1_0 } from "./tq1_0";
import { codesTQ2_0 } from "./tq2_0";
import * as T from "./types";

// codes [cols] = a byte an element of `cols` that start at a, b, c, d in the type's planes, whole blocks; scales and
// minima = two f32 a group, minima only where codes have no sign (int8/units.ts).
export function unpackCodes(
  type: u32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  cols: usize,
  codes: usize,
  scales: usize,
  minima: usize,
): void {
  switch (type) {
    case T.Q4_0:
      codesQ4(a, b, cols, codes, scales, minima);
      break;
    case T.Q4_1:
      codesQ4_1(a, b, cols, codes, scales, minima);
      break;
    case T.Q5_0:
      codesQ5_0(a, b, c, cols, codes, scales, minima);
      break;
    case T.Q5_1:
      codesQ5_1(a, b, c, cols, codes, scales, minima);
      break;
    case T.Q8_0:
      codesQ8(a, b, cols, codes, scales);
      break;
    case T.Q2_K:
      codesQ2K(a, b, c, cols, codes, scales, minima);
      break;
    case T.Q3_K:
      codesQ3K(a, b, c, d, cols, codes, scales, minima);
      break;
    case T.Q4_K:
      codesQ4K(a, b, c, cols, codes, scales, minima);
      break;
    case T.Q5_K:
      codesQ5K(a, b, c, d, cols, codes, scales, minima);
      break;
    case T.Q6_K:
      codesQ6K(a, b, c, d, cols, codes, scales, minima);
      break;
    case T.IQ4_NL:
      codesIQ4NL(a, b, cols, codes, scales);
      break;
    case T.IQ4_XS:
      codesIQ4XS(a, b, cols, codes, scales);
      break;
    case T.MXFP4:
      codesMXFP4(a, b, cols, codes, scales);
      break;
    case T.TQ1_0:
      codesTQ1_0(a, b, c, cols, codes, scales);
      break;
    case T.TQ2_0:
      codesTQ2_0(a, b, cols, codes, scales);
      break;
  }
}
