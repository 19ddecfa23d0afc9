// out[row][o] = [residual +] scale · (x[row] · W[o] [+ bias[o]]).
//
// The order of additions of one (row, output) is fixed, whichever path computes it and whatever else is computed
// beside it: f32 lanes j, j + 4, j + 8, … in ascending order; in scaled types the lanes of a block of 32 are summed
// first, then scaled and added to the row's lanes; at the end (lane 0 + lane 1) + (lane 2 + lane 3).
//
//   one row    weights are decoded in registers, four outputs at a time
//   more rows  a panel of OUT_TILE outputs × COL_TILE columns is decoded once to f32 and used for every row, two
//              rows × four outputs at a time; the lanes of all (row, output) rest in `acc` between panels
//
// Where outputs or rows do not fill a tile, the tile is computed in full: what is missing is computed from the last
// row, or from what the panel held before, into lanes of its own that are never read (`acc` has a row to spare).
import { sumLanes } from "./math";
import { scaleOf } from "./quant/f16";
import { dotRows, factorOf, isScaled, quantBytes, scaleBytes, unpack } from "./quant/matrix";
import { BLOCK } from "./quant/types";

// A panel is 16 KiB and lives in the first-level cache beside two rows of x (COL_TILE columns each).
const OUT_TILE: usize = 8;
const COL_TILE: usize = 512;
const ROW: usize = COL_TILE * 4;
const SCALE_ROW: usize = (COL_TILE / BLOCK) * 4;
const PANEL_BYTES: usize = OUT_TILE * ROW;
const SCALES_BYTES: usize = OUT_TILE * SCALE_ROW;

// Bytes of scratch that `linear` needs for up to `rows` rows.
export function linearScratchBytes(rows: usize): usize {
  return PANEL_BYTES + SCALES_BYTES + (rows + 1) * OUT_TILE * 16;
}

// Outputs [start, end) of all rows. `out` and `residual` (0: none) point at output 0 of row 0; rows are `outStride`
// bytes apart in both, and `xStride` in x. `bias` is [outputs] (0: none).
export function linear(
  type: u32,
  quants: usize,
  scales: usize,
  cols: usize,
  x: usize,
  xStride: usize,
  rows: usize,
  out: usize,
  outStride: usize,
  bias: usize,
  scale: f32,
  residual: usize,
  scratch: usize,
  start: usize,
  end: usize,
): void {
  const rowQuants = quantBytes(type, cols);
  const rowScales = scaleBytes(type, cols);
  const factor = factorOf(type);
  const acc = scratch + PANEL_BYTES + SCALES_BYTES;
  for (let o = start; o < end; o += OUT_TILE) {
    const count = min(OUT_TILE, end - o);
    const tileQuants = quants + o * rowQuants;
    const tileScales = scales + o * rowScales;
    if (rows == 1) {
      for (let i: usize = 0; i < count; i += 4) {
        const last = min(3, count - 1 - i);
        dotRows(
          type,
          tileQuants + i * rowQuants,
          rowQuants,
          tileScales + i * rowScales,
          rowScales,
          last,
          cols,
          x,
          acc + i * 16,
        );
      }
    } else {
      memory.fill(acc, 0, (rows + 1) * OUT_TILE * 16);
      for (let col: usize = 0; col < cols; col += COL_TILE) {
        const width = min(COL_TILE, cols - col);
        unpackPanel(
          type,
          tileQuants + quantBytes(type, col),
          rowQuants,
          tileScales + scaleBytes(type, col),
          rowScales,
          width,
          count,
          scratch,
        );
        for (let row: usize = 0; row < rows; row += 2) {
          const xA = x + row * xStride + (col << 2);
          const xB = row + 1 < rows ? xA + xStride : xA;
          for (let i: usize = 0; i < count; i += 4) {
            const p = scratch + i * ROW;
            const accA = acc + (row * OUT_TILE + i) * 16;
            const accB = accA + OUT_TILE * 16;
            if (isScaled(type))
              scaledTile(p, scratch + PANEL_BYTES + i * SCALE_ROW, width, xA, xB, accA, accB);
            else plainTile(p, width, xA, xB, accA, accB);
          }
        }
      }
    }
    for (let row: usize = 0; row < rows; row++) {
      const at = row * outStride + (o << 2);
      reduce(
        acc + row * OUT_TILE * 16,
        count,
        factor,
        bias ? bias + (o << 2) : 0,
        scale,
        residual ? residual + at : 0,
        out + at,
      );
    }
  }
}

// Unpacks columns of `count` rows into the panel, and their scales behind it.
function unpackPanel(
  type: u32,
  quants: usize,
  rowQuants: usize,
  scales: usize,
  rowScales: usize,
  width: usize,
  count: usize,
  panel: usize,
): void {
  for (let i: usize = 0; i < count; i++) {
    unpack(type, quants + i * rowQuants, width, panel + i * ROW);
    if (!isScaled(type)) continue;
    const out = panel + PANEL_BYTES + i * SCALE_ROW;
    for (let block: usize = 0; block < width / BLOCK; block++) {
      store<f32>(out + (block << 2), scaleOf(scales + i * rowScales + (block << 1)));
    }
  }
}

// Adds a panel's columns to the lanes of four outputs of two rows. Eight sums run side by side, since one addition
// takes as long as three or four can start; a block's sums rest in registers, the rows' lanes in memory.
function scaledTile(
  p: usize,
  scales: usize,
  width: usize,
  xA: usize,
  xB: usize,
  accA: usize,
  accB: usize,
): void {
  for (const end = p + (width << 2); p < end; scales += 4) {
    let a = v128.load(xA);
    let b = v128.load(xB);
    let weight = v128.load(p);
    let a0 = f32x4.mul(weight, a);
    let b0 = f32x4.mul(weight, b);
    weight = v128.load(p, ROW);
    let a1 = f32x4.mul(weight, a);
    let b1 = f32x4.mul(weight, b);
    weight = v128.load(p, 2 * ROW);
    let a2 = f32x4.mul(weight, a);
    let b2 = f32x4.mul(weight, b);
    weight = v128.load(p, 3 * ROW);
    let a3 = f32x4.mul(weight, a);
    let b3 = f32x4.mul(weight, b);
    for (let at: usize = 16; at < BLOCK * 4; at += 16) {
      a = v128.load(xA + at);
      b = v128.load(xB + at);
      weight = v128.load(p + at);
      a0 = f32x4.add(a0, f32x4.mul(weight, a));
      b0 = f32x4.add(b0, f32x4.mul(weight, b));
      weight = v128.load(p + at, ROW);
      a1 = f32x4.add(a1, f32x4.mul(weight, a));
      b1 = f32x4.add(b1, f32x4.mul(weight, b));
      weight = v128.load(p + at, 2 * ROW);
      a2 = f32x4.add(a2, f32x4.mul(weight, a));
      b2 = f32x4.add(b2, f32x4.mul(weight, b));
      weight = v128.load(p + at, 3 * ROW);
      a3 = f32x4.add(a3, f32x4.mul(weight, a));
      b3 = f32x4.add(b3, f32x4.mul(weight, b));
    }
    let scale = v128.load32_splat(scales);
    v128.store(accA, f32x4.add(v128.load(accA), f32x4.mul(a0, scale)));
    v128.store(accB, f32x4.add(v128.load(accB), f32x4.mul(b0, scale)));
    scale = v128.load32_splat(scales, SCALE_ROW);
    v128.store(accA, f32x4.add(v128.load(accA, 16), f32x4.mul(a1, scale)), 16);
    v128.store(accB, f32x4.add(v128.load(accB, 16), f32x4.mul(b1, scale)), 16);
    scale = v128.load32_splat(scales, 2 * SCALE_ROW);
    v128.store(accA, f32x4.add(v128.load(accA, 32), f32x4.mul(a2, scale)), 32);
    v128.store(accB, f32x4.add(v128.load(accB, 32), f32x4.mul(b2, scale)), 32);
    scale = v128.load32_splat(scales, 3 * SCALE_ROW);
    v128.store(accA, f32x4.add(v128.load(accA, 48), f32x4.mul(a3, scale)), 48);
    v128.store(accB, f32x4.add(v128.load(accB, 48), f32x4.mul(b3, scale)), 48);
    p += BLOCK * 4;
    xA += BLOCK * 4;
    xB += BLOCK * 4;
  }
}

// As scaledTile, for types without scales: the lanes stay in registers throughout.
function plainTile(p: usize, width: usize, xA: usize, xB: usize, accA: usize, accB: usize): void {
  let a0 = v128.load(accA);
  let b0 = v128.load(accB);
  let a1 = v128.load(accA, 16);
  let b1 = v128.load(accB, 16);
  let a2 = v128.load(accA, 32);
  let b2 = v128.load(accB, 32);
  let a3 = v128.load(accA, 48);
  let b3 = v128.load(accB, 48);
  for (const end = p + (width << 2); p < end; p += 16, xA += 16, xB += 16) {
    const a = v128.load(xA);
    const b = v128.load(xB);
    let weight = v128.load(p);
    a0 = f32x4.add(a0, f32x4.mul(weight, a));
    b0 = f32x4.add(b0, f32x4.mul(weight, b));
    weight = v128.load(p, ROW);
    a1 = f32x4.add(a1, f32x4.mul(weight, a));
    b1 = f32x4.add(b1, f32x4.mul(weight, b));
    weight = v128.load(p, 2 * ROW);
    a2 = f32x4.add(a2, f32x4.mul(weight, a));
    b2 = f32x4.add(b2, f32x4.mul(weight, b));
    weight = v128.load(p, 3 * ROW);
    a3 = f32x4.add(a3, f32x4.mul(weight, a));
    b3 = f32x4.add(b3, f32x4.mul(weight, b));
  }
  v128.store(accA, a0);
  v128.store(accB, b0);
  v128.store(accA, a1, 16);
  v128.store(accB, b1, 16);
  v128.store(accA, a2, 32);
  v128.store(accB, b2, 32);
  v128.store(accA, a3, 48);
  v128.store(accB, b3, 48);
}

// out[i] = [residual[i] +] scale · (factor · the sum of acc[i]'s lanes [+ bias[i]]).
function reduce(
  acc: usize,
  count: usize,
  factor: f32,
  bias: usize,
  scale: f32,
  residual: usize,
  out: usize,
): void {
  for (let i: usize = 0; i < count << 2; i += 4, acc += 16) {
    let sum = sumLanes(v128.load(acc)) * factor;
    if (bias) sum += load<f32>(bias + i);
    sum *= scale;
    store<f32>(out + i, residual ? load<f32>(residual + i) + sum : sum);
  }
}
