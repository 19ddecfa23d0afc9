// out[i] = scale · row tokens[i] of the embedding matrix, decoded.
import { decode } from "./quant/matrix";
import { planeBytes } from "./quant/types";

// The matrix's planes start at a, b, c and d.
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
): void {
  for (let row: usize = 0; row < rows; row++, out += cols << 2) {
    const token = <usize>load<u32>(tokens + (row << 2));
    decode(
      type,
      a + token * planeBytes(type, 0, cols),
      b + token * planeBytes(type, 1, cols),
      c + token * planeBytes(type, 2, cols),
      d + token * planeBytes(type, 3, cols),
      cols,
      out,
    );
    if (scale != 1) multiply(out, cols, scale);
  }
}

function multiply(row: usize, cols: usize, scale: f32): void {
  const scales = f32x4.splat(scale);
  for (const end = row + (cols << 2); row < end; row += 16) {
    v128.store(row, f32x4.mul(v128.load(row), scales));
  }
}
