// out[i] = row tokens[i] of the embedding matrix, decoded.
import { decodeRow, quantBytes, scaleBytes } from "./quant/matrix";

export function embed(
  type: u32,
  quants: usize,
  scales: usize,
  cols: usize,
  tokens: usize,
  rows: usize,
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
  }
}
