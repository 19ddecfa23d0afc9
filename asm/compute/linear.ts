// out[row][o] = [residual +] scale · (x[row] · W[o] [+ bias[o]]).
//
// The order of additions of one (row, output) is fixed, whichever path computes it and whatever else is computed
// beside it: f32 lanes j, j + 4, j + 8, … in ascending order; in types of blocks the lanes of 32 columns are summed
// first, then scaled, where the type leaves that to be done, and added to the row's lanes; where it leaves minima too,
// they are then multiplied by the sums of each 32 of x, groups in the lanes in the same way; at the end
// (lane 0 + lane 1) + (lane 2 + lane 3).
//
//   one row    in the types that have dotRows or dotRow, weights are decoded in registers, four outputs at a time or one
//   otherwise  a panel of OUT_TILE outputs × COL_TILE columns is decoded once to f32 and used for every row, two
//              rows × four outputs at a time, or one row × all outputs; the lanes of all (row, output) rest in `acc`
//              between panels
//
// Where outputs or rows do not fill a tile, the tile is computed in full: what is missing is computed from the last
// row, or from what the panel held before, into lanes of its own that are never read (`acc` has a row to spare).
import { int8ScratchBytes, linearInt8 } from "./int8/linear";
import { INT8 } from "./int8/units";
import { sumLanes } from "./math";
import {
  addMinima,
  dotRow,
  dotRows,
  factorOf,
  hasDotRow,
  hasDotRows,
  hasMinima,
  inBlocks,
  isScaled,
  unpack,
  unpackScales,
} from "./quant/matrix";
import { BLOCK, planeBytes } from "./quant/types";

// A panel is 16 KiB and lives in the first-level cache beside two rows of x (COL_TILE columns each).
const OUT_TILE: usize = 8;
const COL_TILE: usize = 512;
const ROW: usize = COL_TILE * 4;
const SCALE_ROW: usize = (COL_TILE / BLOCK) * 4;
const PANEL_BYTES: usize = OUT_TILE * ROW;
const SCALES_BYTES: usize = OUT_TILE * SCALE_ROW;

// Bytes of scratch that `linear` needs for up to `rows` rows of up to `cols` columns.
export function linearScratchBytes(rows: usize, cols: usize): usize {
  const accBytes = (rows + 1) * OUT_TILE * 16;
  return max(int8ScratchBytes(rows), PANEL_BYTES + SCALES_BYTES + accBytes + rows * sumsBytes(cols));
}

// Bytes of the sums of each 32 of `cols` columns.
function sumsBytes(cols: usize): usize {
  return (cols / BLOCK) << 2;
}

// Outputs [start, end) of all rows. `type` may have the bit INT8: x is then as quantizeRows left it for that type. The
// matrix's planes start at a, b, c and d; `out` and `residual` (0: none) point at output 0 of row 0. Rows are `outStride` bytes apart in both, and `xStride` in x. `bias` is [outputs] (0: none).
export function linear(
  type: u32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
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
  if (type & INT8) {
    // biome-ignore format: as they came
    linearInt8(
      type & ~INT8, a, b, c, d, cols, x, xStride, rows, out, outStride, bias, scale, residual, scratch, start, end,
    );
    return;
  }
  const rowA = planeBytes(type, 0, cols);
  const rowB = planeBytes(type, 1, cols);
  const rowC = planeBytes(type, 2, cols);
  const rowD = planeBytes(type, 3, cols);
  const factor = factorOf(type);
  const acc = scratch + PANEL_BYTES + SCALES_BYTES;
  const sums = acc + (rows + 1) * OUT_TILE * 16;
  if (hasMinima(type)) sumBlocks(x, xStride, cols, rows, sums);
  for (let o = start; o < end; o += OUT_TILE) {
    const count = min(OUT_TILE, end - o);
    if (rows == 1 && hasDotRows(type)) {
      for (let i: usize = 0; i < count; i += 4) {
        const last = min(3, count - 1 - i);
        dotRows(type, a + (o + i) * rowA, rowA, b + (o + i) * rowB, rowB, last, cols, x, acc + i * 16);
      }
    } else if (rows == 1 && hasDotRow(type)) {
      for (let i: usize = 0; i < count; i++) {
        const r = o + i;
        v128.store(
          acc + i * 16,
          dotRow(type, a + r * rowA, b + r * rowB, c + r * rowC, d + r * rowD, cols, x),
        );
      }
    } else {
      memory.fill(acc, 0, (rows + 1) * OUT_TILE * 16);
      for (let col: usize = 0; col < cols; col += COL_TILE) {
        const width = min(COL_TILE, cols - col);
        const atA = a + planeBytes(type, 0, col);
        const atB = b + planeBytes(type, 1, col);
        const atC = c + planeBytes(type, 2, col);
        const atD = d + planeBytes(type, 3, col);
        for (let i: usize = 0; i < count; i++) {
          const r = o + i;
          unpack(
            type,
            atA + r * rowA,
            atB + r * rowB,
            atC + r * rowC,
            atD + r * rowD,
            width,
            scratch + i * ROW,
          );
          const scales = scratch + PANEL_BYTES + i * SCALE_ROW;
          if (isScaled(type))
            unpackScales(type, atB + r * rowB, atC + r * rowC, atD + r * rowD, width, scales);
          else if (inBlocks(type)) fillOnes(width, scales);
        }
        if (rows == 1) {
          decodedRow(scratch, width, x + (col << 2), acc);
          continue;
        }
        for (let row: usize = 0; row < rows; row += 2) {
          const xA = x + row * xStride + (col << 2);
          const xB = row + 1 < rows ? xA + xStride : xA;
          for (let i: usize = 0; i < count; i += 4) {
            const p = scratch + i * ROW;
            const accA = acc + (row * OUT_TILE + i) * 16;
            const accB = accA + OUT_TILE * 16;
            if (inBlocks(type))
              blockTile(p, scratch + PANEL_BYTES + i * SCALE_ROW, width, xA, xB, accA, accB);
            else plainTile(p, width, xA, xB, accA, accB);
          }
        }
      }
    }
    if (hasMinima(type)) {
      for (let i: usize = 0; i < count; i++) {
        const r = o + i;
        // biome-ignore format: as they came
        addMinima(
          type, b + r * rowB, c + r * rowC, d + r * rowD, cols, sums, sumsBytes(cols), rows, acc + i * 16, OUT_TILE * 16,
        );
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

// out = 1 for each 32 of `width` columns: the panel holds scaled numbers.
function fillOnes(width: usize, out: usize): void {
  for (const end = out + (width >> 3); out < end; out += 4) store<f32>(out, 1);
}

// out [rows, cols / 32] = the sum of each 32 of x.
function sumBlocks(x: usize, xStride: usize, cols: usize, rows: usize, out: usize): void {
  for (let row: usize = 0; row < rows; row++, x += xStride) {
    for (let at = x, end = x + (cols << 2); at < end; out += 4) {
      let lanes = v128.load(at);
      at += 16;
      for (const blockEnd = at + BLOCK * 4 - 16; at < blockEnd; at += 16)
        lanes = f32x4.add(lanes, v128.load(at));
      store<f32>(out, sumLanes(lanes));
    }
  }
}

// Adds a panel's columns to the lanes of four outputs of two rows. Eight sums run side by side, since one addition
// takes as long as three or four can start; a block's sums rest in registers, the rows' lanes in memory.
function blockTile(
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

// As blockTile, for types without blocks: the lanes stay in registers throughout.
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

// As blockTile, for one row and all outputs of a panel whose scales are all 1.
function decodedRow(p: usize, width: usize, x: usize, acc: usize): void {
  for (const end = p + (width << 2); p < end; p += BLOCK * 4, x += BLOCK * 4) {
    let values = v128.load(x);
    let s0 = f32x4.mul(v128.load(p), values);
    let s1 = f32x4.mul(v128.load(p, ROW), values);
    let s2 = f32x4.mul(v128.load(p, 2 * ROW), values);
    let s3 = f32x4.mul(v128.load(p, 3 * ROW), values);
    let s4 = f32x4.mul(v128.load(p, 4 * ROW), values);
    let s5 = f32x4.mul(v128.load(p, 5 * ROW), values);
    let s6 = f32x4.mul(v128.load(p, 6 * ROW), values);
    let s7 = f32x4.mul(v128.load(p, 7 * ROW), values);
    for (let at: usize = 16; at < BLOCK * 4; at += 16) {
      values = v128.load(x + at);
      s0 = f32x4.add(s0, f32x4.mul(v128.load(p + at), values));
      s1 = f32x4.add(s1, f32x4.mul(v128.load(p + at, ROW), values));
      s2 = f32x4.add(s2, f32x4.mul(v128.load(p + at, 2 * ROW), values));
      s3 = f32x4.add(s3, f32x4.mul(v128.load(p + at, 3 * ROW), values));
      s4 = f32x4.add(s4, f32x4.mul(v128.load(p + at, 4 * ROW), values));
      s5 = f32x4.add(s5, f32x4.mul(v128.load(p + at, 5 * ROW), values));
      s6 = f32x4.add(s6, f32x4.mul(v128.load(p + at, 6 * ROW), values));
      s7 = f32x4.add(s7, f32x4.mul(v128.load(p + at, 7 * ROW), values));
    }
    v128.store(acc, f32x4.add(v128.load(acc), s0));
    v128.store(acc, f32x4.add(v128.load(acc, 16), s1), 16);
    v128.store(acc, f32x4.add(v128.load(acc, 32), s2), 32);
    v128.store(acc, f32x4.add(v128.load(acc, 48), s3), 48);
    v128.store(acc, f32x4.add(v128.load(acc, 64), s4), 64);
    v128.store(acc, f32x4.add(v128.load(acc, 80), s5), 80);
    v128.store(acc, f32x4.add(v128.load(acc, 96), s6), 96);
    v128.store(acc, f32x4.add(v128.load(acc, 112), s7), 112);
  }
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
