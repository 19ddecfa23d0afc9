// The parts of an expert's work that are not matrices.
import { exp4 } from "./math";

// out[i] = the row of `x` that entries[i] = row · expertsPerToken + rank names.
export function gatherRows(
  x: usize,
  rowBytes: usize,
  entries: usize,
  count: usize,
  expertsPerToken: u32,
  out: usize,
): void {
  for (let i: usize = 0; i < count; i++, out += rowBytes) {
    memory.copy(out, x + <usize>(load<u32>(entries + (i << 2)) / expertsPerToken) * rowBytes, rowBytes);
  }
}

// out[entries[i]] = row i of `rows`: each (row, rank) has a row of its own.
export function scatterRows(rows: usize, rowBytes: usize, entries: usize, count: usize, out: usize): void {
  for (let i: usize = 0; i < count; i++, rows += rowBytes) {
    memory.copy(out + <usize>load<u32>(entries + (i << 2)) * rowBytes, rows, rowBytes);
  }
}

// out = silu(gate) · up, with silu(x) = x / (1 + e^-x); `out` may be `gate`, `length` is a multiple of 4.
export function siluMul(gate: usize, up: usize, length: usize, out: usize): void {
  const one = f32x4.splat(1);
  for (const end = gate + (length << 2); gate < end; gate += 16, up += 16, out += 16) {
    const x = v128.load(gate);
    const activated = f32x4.div(x, f32x4.add(one, exp4(f32x4.neg(x))));
    v128.store(out, f32x4.mul(activated, v128.load(up)));
  }
}
