// out[i] = scale · row tokens[i] of the embedding matrix, decoded.
import { decodeRow, quantBytes, scaleBytes } from "./quant/matrix";

export function embed(
  type: u32,
  quants: usize,
  scales: usize,
  cols: usize,
  tokens: usize,
  rows: usize,
  scale: f32,
  out: usize,
): void {
  for (let row: usize = 0; row < rows; row++, out += cols << 2) {
    const token = <usize>load<u32>(tokens + (row << 2));
    decodeRow(
      type,
      quants + token * quantBytes(type, cols),
      scales + token * scaleBytes(type, cols),
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
