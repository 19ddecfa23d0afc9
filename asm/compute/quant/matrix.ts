// What the four encodings have in common: a matrix row by type, for kernels that are written once.
import { dotRowsF16, scaleOf, unpackF16 } from "./f16";
import { dotRowsF32 } from "./f32";
import { dotRowsQ4, Q4_FACTOR, unpackQ4 } from "./q4_0";
import { dotRowsQ8, Q8_FACTOR, unpackQ8 } from "./q8_0";
import { BLOCK, F16, F32, Q4_0, Q8_0 } from "./types";

// Whether elements come in blocks with a scale of their own.
export function isScaled(type: u32): bool {
  return type >= Q4_0;
}

// Bytes of `cols` elements in the plane of quants.
export function quantBytes(type: u32, cols: usize): usize {
  return type == F32 ? cols << 2 : type == F16 ? cols << 1 : type == Q4_0 ? cols >> 1 : cols;
}

// Bytes of the scales of `cols` elements.
export function scaleBytes(type: u32, cols: usize): usize {
  return isScaled(type) ? (cols / BLOCK) << 1 : 0;
}

// What unpacked elements and sums must still be multiplied by.
export function factorOf(type: u32): f32 {
  return type == Q8_0 ? Q8_FACTOR : type == Q4_0 ? Q4_FACTOR : 1;
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
  if (type == Q8_0) dotRowsQ8(quants, rowQuants, scales, rowScales, last, cols, x, acc);
  else if (type == Q4_0) dotRowsQ4(quants, rowQuants, scales, rowScales, last, cols, x, acc);
  else if (type == F16) dotRowsF16(quants, rowQuants, last, cols, x, acc);
  else dotRowsF32(quants, rowQuants, last, cols, x, acc);
}

// out = `cols` elements of a row, without scales and factor.
export function unpack(type: u32, quants: usize, cols: usize, out: usize): void {
  if (type == Q8_0) unpackQ8(quants, cols, out);
  else if (type == Q4_0) unpackQ4(quants, cols, out);
  else if (type == F16) unpackF16(quants, cols, out);
  else memory.copy(out, quants, cols << 2);
}

// out = `cols` elements of a row as the numbers they stand for; exact, since 8 + 11 significant bits fit f32.
export function decodeRow(type: u32, quants: usize, scales: usize, cols: usize, out: usize): void {
  unpack(type, quants, cols, out);
  if (!isScaled(type)) return;
  const factor = factorOf(type);
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, scales += 2) {
    const scale = f32x4.splat(scaleOf(scales) * factor);
    for (let i: usize = 0; i < BLOCK << 2; i += 16) v128.store(out + i, f32x4.mul(v128.load(out + i), scale));
  }
}
