// out[row][o] = [residual +] x[row] · W[o].
//
// The order of additions of one (row, output) is fixed, whichever path computes it and whatever else is computed
// beside it: f32 lanes j, j + 4, j + 8, … in ascending order; in scaled types the lanes of a block of 32 are summed
// first, then scaled and added to the row's lanes; at the end (lane 0 + lane 1) + (lane 2 + lane 3).
//
//   few rows   weights are decoded in registers, two outputs at a time
//   many rows  a panel of OUT_TILE outputs × COL_TILE columns is decoded once to f32 and used for every row, two
//              rows × two outputs at a time; the lanes of all (row, output) rest in `acc` between panels

import { scaleOf } from "./quant/f16";
import { dotPair, factorOf, isScaled, quantBytes, scaleBytes, unpack } from "./quant/matrix";
import { BLOCK } from "./quant/types";

// A panel is 16 KiB and lives in the first-level cache beside two rows of x (COL_TILE columns each).
const OUT_TILE: usize = 8;
const COL_TILE: usize = 512;
const PANEL_BYTES: usize = OUT_TILE * COL_TILE * 4;
const SCALES_BYTES: usize = OUT_TILE * (COL_TILE / BLOCK) * 4;

// From this many rows on, decoding into a panel costs less than decoding anew for each row.
const PANEL_ROWS: usize = 3;

// Bytes of scratch that `linear` needs for up to `rows` rows.
export function linearScratchBytes(rows: usize): usize {
  return PANEL_BYTES + SCALES_BYTES + rows * OUT_TILE * 16;
}

// Outputs [start, end) of all rows. `out` and `residual` (0: none) point at output 0 of row 0; rows are `outStride`
// bytes apart in both, and `xStride` in x.
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
    if (rows < PANEL_ROWS) {
      for (let row: usize = 0; row < rows; row++) {
        for (let i: usize = 0; i < count; i += 2) {
          // An odd output out is computed twice: one kernel fewer, and the same bits.
          const next = min(i + 1, count - 1);
          dotPair(
            type,
            tileQuants + i * rowQuants,
            tileQuants + next * rowQuants,
            tileScales + i * rowScales,
            tileScales + next * rowScales,
            cols,
            x + row * xStride,
            acc + (row * OUT_TILE + i) * 16,
          );
        }
      }
    } else {
      memory.fill(acc, 0, rows * OUT_TILE * 16);
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
          const nextRow = min(row + 1, rows - 1);
          for (let i: usize = 0; i < count; i += 2) {
            const next = min(i + 1, count - 1);
            const xA = x + row * xStride + (col << 2);
            const xB = x + nextRow * xStride + (col << 2);
            const accA = acc + (row * OUT_TILE + i) * 16;
            const accB = acc + (nextRow * OUT_TILE + i) * 16;
            if (isScaled(type)) scaledTile(scratch, i, next, width, xA, xB, accA, accB);
            else plainTile(scratch, i, next, width, xA, xB, accA, accB);
          }
        }
      }
    }
    for (let row: usize = 0; row < rows; row++) {
      const at = row * outStride + (o << 2);
      reduce(acc + row * OUT_TILE * 16, count, factor, out + at, residual ? residual + at : 0);
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
    unpack(type, quants + i * rowQuants, width, panel + i * (COL_TILE * 4));
    if (!isScaled(type)) continue;
    const out = panel + PANEL_BYTES + i * ((COL_TILE / BLOCK) * 4);
    for (let block: usize = 0; block < width / BLOCK; block++) {
      store<f32>(out + (block << 2), scaleOf(scales + i * rowScales + (block << 1)));
    }
  }
}

// Lanes of outputs (i, j) of two rows; the lanes of (row, i) and (row, j) are neighbours at accA and accB. Where
// the odd row or output out is doubled, both halves hold the same bits, so that the order of the stores is no matter.
function scaledTile(
  panel: usize,
  i: usize,
  j: usize,
  width: usize,
  xA: usize,
  xB: usize,
  accA: usize,
  accB: usize,
): void {
  let p = panel + i * (COL_TILE * 4);
  let q = panel + j * (COL_TILE * 4);
  let scaleP = panel + PANEL_BYTES + i * ((COL_TILE / BLOCK) * 4);
  let scaleQ = panel + PANEL_BYTES + j * ((COL_TILE / BLOCK) * 4);
  const second = j == i ? 0 : 16;
  let ap = v128.load(accA);
  let aq = v128.load(accA + second);
  let bp = v128.load(accB);
  let bq = v128.load(accB + second);
  for (const end = p + (width << 2); p < end; scaleP += 4, scaleQ += 4) {
    let a = v128.load(xA);
    let b = v128.load(xB);
    let weight = v128.load(p);
    let blockAp = f32x4.mul(weight, a);
    let blockBp = f32x4.mul(weight, b);
    weight = v128.load(q);
    let blockAq = f32x4.mul(weight, a);
    let blockBq = f32x4.mul(weight, b);
    for (let at: usize = 16; at < BLOCK * 4; at += 16) {
      a = v128.load(xA + at);
      b = v128.load(xB + at);
      weight = v128.load(p + at);
      blockAp = f32x4.add(blockAp, f32x4.mul(weight, a));
      blockBp = f32x4.add(blockBp, f32x4.mul(weight, b));
      weight = v128.load(q + at);
      blockAq = f32x4.add(blockAq, f32x4.mul(weight, a));
      blockBq = f32x4.add(blockBq, f32x4.mul(weight, b));
    }
    let scale = v128.load32_splat(scaleP);
    ap = f32x4.add(ap, f32x4.mul(blockAp, scale));
    bp = f32x4.add(bp, f32x4.mul(blockBp, scale));
    scale = v128.load32_splat(scaleQ);
    aq = f32x4.add(aq, f32x4.mul(blockAq, scale));
    bq = f32x4.add(bq, f32x4.mul(blockBq, scale));
    p += BLOCK * 4;
    q += BLOCK * 4;
    xA += BLOCK * 4;
    xB += BLOCK * 4;
  }
  v128.store(accA, ap);
  v128.store(accA + second, aq);
  v128.store(accB, bp);
  v128.store(accB + second, bq);
}

// As scaledTile, for types without scales.
function plainTile(
  panel: usize,
  i: usize,
  j: usize,
  width: usize,
  xA: usize,
  xB: usize,
  accA: usize,
  accB: usize,
): void {
  let p = panel + i * (COL_TILE * 4);
  let q = panel + j * (COL_TILE * 4);
  const second = j == i ? 0 : 16;
  let ap = v128.load(accA);
  let aq = v128.load(accA + second);
  let bp = v128.load(accB);
  let bq = v128.load(accB + second);
  for (const end = p + (width << 2); p < end; p += 16, q += 16, xA += 16, xB += 16) {
    const a = v128.load(xA);
    const b = v128.load(xB);
    let weight = v128.load(p);
    ap = f32x4.add(ap, f32x4.mul(weight, a));
    bp = f32x4.add(bp, f32x4.mul(weight, b));
    weight = v128.load(q);
    aq = f32x4.add(aq, f32x4.mul(weight, a));
    bq = f32x4.add(bq, f32x4.mul(weight, b));
  }
  v128.store(accA, ap);
  v128.store(accA + second, aq);
  v128.store(accB, bp);
  v128.store(accB + second, bq);
}

// out[i] = [residual[i] +] factor · the sum of acc[i]'s lanes.
function reduce(acc: usize, count: usize, factor: f32, out: usize, residual: usize): void {
  for (let i: usize = 0; i < count; i++, acc += 16) {
    const lanes = v128.load(acc);
    const sum =
      (f32x4.extract_lane(lanes, 0) +
        f32x4.extract_lane(lanes, 1) +
        (f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3))) *
      factor;
    store<f32>(out + (i << 2), residual ? load<f32>(residual + (i << 2)) + sum : sum);
  }
}
