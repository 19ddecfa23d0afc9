// What the encodings have in common: a piece of a matrix row by type, for kernels that are written once.
import { dotRowsBF16, unpackBF16 } from "./bf16";
import { TOP } from "./bytes";
import { dotRowsF16, scaleOf, unpackF16 } from "./f16";
import { dotRowsF32 } from "./f32";
import { unpackIQ4NL } from "./iq4_nl";
import { unpackIQ4XS } from "./iq4_xs";
import { unpackMXFP4 } from "./mxfp4";
import { unpackQ2K } from "./q2_k";
import { unpackQ3K } from "./q3_k";
import { dotRowsQ4, Q4_FACTOR, unpackQ4 } from "./q4_0";
import { unpackQ4_1 } from "./q4_1";
import { addMinimaQ4K, dotQ4K, quantsQ4K, scalesQ4K, unpackQ4K } from "./q4_k";
import { unpackQ5_0 } from "./q5_0";
import { unpackQ5_1 } from "./q5_1";
import { dotQ5K, quantsQ5K, unpackQ5K } from "./q5_k";
import { dotQ6K, unpackQ6K } from "./q6_k";
import { dotRowsQ8, unpackQ8 } from "./q8_0";
import { unpackTQ1_0 } from "./tq1_0";
import { unpackTQ2_0 } from "./tq2_0";
import * as T from "./types";

// Whether elements come in blocks: of 32, or a multiple of that.
export function inBlocks(type: u32): bool {
  return type != T.F32 && type != T.F16 && type != T.BF16;
}

// Whether `unpack` leaves it to its caller to multiply each 32 elements by their scale and all by `factorOf`.
export function isScaled(type: u32): bool {
  return type == T.Q4_0 || type == T.Q8_0 || hasMinima(type);
}

// Whether it leaves it to its caller too to add each 32 elements' minimum.
export function hasMinima(type: u32): bool {
  return type == T.Q4_K || type == T.Q5_K;
}

// What unpacked elements and sums must still be multiplied by.
export function factorOf(type: u32): f32 {
  return type == T.Q8_0 ? TOP : type == T.Q4_0 ? Q4_FACTOR : 1;
}

// out = an f32 scale for each 32 of `cols` elements, of a type that isScaled.
export function unpackScales(type: u32, b: usize, c: usize, d: usize, cols: usize, out: usize): void {
  if (type == T.Q4_K) scalesQ4K(b, c, cols, out);
  else if (type == T.Q5_K) scalesQ4K(c, d, cols, out);
  else for (const end = out + (cols >> 3); out < end; out += 4, b += 2) store<f32>(out, scaleOf(b));
}

// Adds to the lanes of `rows` rows' products with a row of a type that hasMinima what its minima make of the sums of
// each 32 elements of x, `stride` bytes a row.
export function addMinima(
  type: u32,
  b: usize,
  c: usize,
  d: usize,
  cols: usize,
  sums: usize,
  stride: usize,
  rows: usize,
  acc: usize,
  accStride: usize,
): void {
  if (type == T.Q4_K) addMinimaQ4K(b, c, cols, sums, stride, rows, acc, accStride);
  else addMinimaQ4K(c, d, cols, sums, stride, rows, acc, accStride);
}

// Whether `dotRow` reads the type.
export function hasDotRow(type: u32): bool {
  return type == T.Q4_K || type == T.Q5_K || type == T.Q6_K;
}

// Lanes of the product of a matrix row and a row of x, minima aside.
export function dotRow(type: u32, a: usize, b: usize, c: usize, d: usize, cols: usize, x: usize): v128 {
  if (type == T.Q4_K) return dotQ4K(a, b, c, cols, x);
  return type == T.Q5_K ? dotQ5K(a, b, c, d, cols, x) : dotQ6K(a, b, c, d, cols, x);
}

// Whether `dotRows` reads the type.
export function hasDotRows(type: u32): bool {
  return type <= T.BF16;
}

// acc[0..4) = lane sums of four rows times x, still to be multiplied by the type's factor. Rows after `last` (0 to 3)
// are not there: the last one is computed in their place, and their sums mean nothing.
export function dotRows(
  type: u32,
  quants: usize,
  rowQuants: usize,
  scales: usize,
  rowScales: usize,
  last: usize,
  cols: usize,
  x: usize,
  acc: usize,
): void {
  if (type == T.Q8_0) dotRowsQ8(quants, rowQuants, scales, rowScales, last, cols, x, acc);
  else if (type == T.Q4_0) dotRowsQ4(quants, rowQuants, scales, rowScales, last, cols, x, acc);
  else if (type == T.F16) dotRowsF16(quants, rowQuants, last, cols, x, acc);
  else if (type == T.BF16) dotRowsBF16(quants, rowQuants, last, cols, x, acc);
  else dotRowsF32(quants, rowQuants, last, cols, x, acc);
}

// out = `cols` elements, whole blocks, that start at a, b, c, d in the type's planes: as the numbers they stand for,
// rounded as the format's definition rounds, or, if isScaled, without scales, factor and minima.
export function unpack(type: u32, a: usize, b: usize, c: usize, d: usize, cols: usize, out: usize): void {
  switch (type) {
    case T.F32:
      memory.copy(out, a, cols << 2);
      break;
    case T.F16:
      unpackF16(a, cols, out);
      break;
    case T.BF16:
      unpackBF16(a, cols, out);
      break;
    case T.Q4_0:
      unpackQ4(a, cols, out);
      break;
    case T.Q4_1:
      unpackQ4_1(a, b, cols, out);
      break;
    case T.Q5_0:
      unpackQ5_0(a, b, c, cols, out);
      break;
    case T.Q5_1:
      unpackQ5_1(a, b, c, cols, out);
      break;
    case T.Q8_0:
      unpackQ8(a, cols, out);
      break;
    case T.Q2_K:
      unpackQ2K(a, b, c, cols, out);
      break;
    case T.Q3_K:
      unpackQ3K(a, b, c, d, cols, out);
      break;
    case T.Q4_K:
      quantsQ4K(a, cols, out);
      break;
    case T.Q5_K:
      quantsQ5K(a, b, cols, out);
      break;
    case T.Q6_K:
      unpackQ6K(a, b, c, d, cols, out);
      break;
    case T.IQ4_NL:
      unpackIQ4NL(a, b, cols, out);
      break;
    case T.IQ4_XS:
      unpackIQ4XS(a, b, cols, out);
      break;
    case T.MXFP4:
      unpackMXFP4(a, b, cols, out);
      break;
    case T.TQ1_0:
      unpackTQ1_0(a, b, c, cols, out);
      break;
    case T.TQ2_0:
      unpackTQ2_0(a, b, cols, out);
      break;
  }
}

// As unpack, but always the numbers: exact in Q4_0 and Q8_0, since 8 + 11 significant bits fit f32.
export function decode(type: u32, a: usize, b: usize, c: usize, d: usize, cols: usize, out: usize): void {
  if (type == T.Q4_K) return unpackQ4K(a, b, c, cols, out);
  if (type == T.Q5_K) return unpackQ5K(a, b, c, d, cols, out);
  unpack(type, a, b, c, d, cols, out);
  if (!isScaled(type)) return;
  const factor = factorOf(type);
  for (const end = out + (cols << 2); out < end; out += T.BLOCK << 2, b += 2) {
    const scale = f32x4.splat(scaleOf(b) * factor);
    for (let i: usize = 0; i < T.BLOCK << 2; i += 16)
      v128.store(out + i, f32x4.mul(v128.load(out + i), scale));
  }
}
