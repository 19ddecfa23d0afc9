// out[i] = scale · row tokens[i] of the embedding matrix, decoded.
import { arrangeRows, isArranged } from "./int8/arrange";
import { INT8 } from "./int8/units";
import { decode } from "./quant/matrix";
import { planeBytes, SUPER_BLOCK } from "./quant/types";

// The matrix's planes start at a, b, c and d. `type` may have the bit INT8: the matrix is then arranged, if it
// is of a type that is. `scratch` holds the first two planes of a block.
export function embed(
  type: u32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  cols: usize,
  tokens: usize,
  rows: usize,
  scale: f32,
  out: usize,
  scratch: usize,
): void {
  const arranged = (type & INT8) != 0 && isArranged(type & ~INT8);
  type &= ~INT8;
  for (let row: usize = 0; row < rows; row++, out += cols << 2) {
    const token = <usize>load<u32>(tokens + (row << 2));
    const atA = a + token * planeBytes(type, 0, cols);
    const atB = b + token * planeBytes(type, 1, cols);
    const atC = c + token * planeBytes(type, 2, cols);
    const atD = d + token * planeBytes(type, 3, cols);
    if (arranged) decodeArranged(type, atA, atB, atC, atD, cols, out, scratch);
    else decode(type, atA, atB, atC, atD, cols, out);
    if (scale != 1) multiply(out, cols, scale);
  }
}

function decodeArranged(
  type: u32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  cols: usize,
  out: usize,
  scratch: usize,
): void {
  const bytesA = planeBytes(type, 0, SUPER_BLOCK);
  const bytesB = planeBytes(type, 1, SUPER_BLOCK);
  for (const end = out + (cols << 2); out < end; out += SUPER_BLOCK << 2, a += bytesA, b += bytesB) {
    memory.copy(scratch, a, bytesA);
    memory.copy(scratch + bytesA, b, bytesB);
    arrangeRows(type, scratch, scratch + bytesA, SUPER_BLOCK, 1);
    decode(type, scratch, scratch + bytesA, c, d, SUPER_BLOCK, out);
    c += planeBytes(type, 2, SUPER_BLOCK);
    d += planeBytes(type, 3, SUPER_BLOCK);
  }
}

function multiply(row: usize, cols: usize, scale: f32): void {
  const scales = f32x4.splat(scale);
  for (const end = row + (cols << 2); row < end; row += 16) {
    v128.store(row, f32x4.mul(v128.load(row), scales));
  }
}
