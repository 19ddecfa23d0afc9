// As ../linear.ts on quantised rows of x, in the arithmetic of units.ts.
//
//   one row    in the types that have twoRows, two outputs at a time
//   few rows   in the types that have dotCodes, codes are taken out in registers for each row, up to the last columns that
//              it does not take
//   otherwise  a panel of OUT_TILE outputs × COL_TILE columns is unpacked once to codes, scales and minima, and used for
//              every row, two rows × four outputs at a time if rows are many
//
// What is missing to whole tiles is computed and never read.
import { sumLanes } from "../math";
import { unpackCodes } from "../quant/codes";
import { dotCodes, dotCodesWidth, hasTwoRows, twoRows } from "../quant/row";
import { planeBytes } from "../quant/types";
import { isArranged } from "./arrange";
import { addUnit, dot, unitSums } from "./dot";
import { interleave } from "./interleave";
import { GROUPS, groupOf, isInterleaved, isSignedType, MANY_ROWS, recordBytes, vectorBytes } from "./units";

const OUT_TILE: usize = 8;
const COL_TILE: usize = 512;
// Scales of an output, at 16 columns a group; minima likewise, MINIMA bytes after them.
const SCALE_ROW: usize = (COL_TILE / 16) * 4;
const MINIMA: usize = OUT_TILE * SCALE_ROW;
const CODES_BYTES: usize = OUT_TILE * COL_TILE;
const PANEL_BYTES: usize = CODES_BYTES + 2 * MINIMA;

// Bytes of scratch for up to `rows` rows.
export function int8ScratchBytes(rows: usize): usize {
  return PANEL_BYTES + (rows + 1) * OUT_TILE * 16;
}

// Outputs [start, end) of all rows; parameters as of `linear`, x as quantizeRows left it.
export function linearInt8(
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
  const acc = scratch + PANEL_BYTES;
  if (rows == 1 && hasTwoRows(type, cols)) {
    // Of the first and the second half: rows that are close to each other are one stream to the processor, which then
    // does not fetch ahead.
    const apart = (end - start) >> 1;
    for (const half = start + apart; start < half; start++) {
      twoRows(a, b, start, apart, cols, x, acc);
      finish(acc, start, scale, bias, residual, out);
      finish(acc + 16, start + apart, scale, bias, residual, out);
    }
    start += apart;
  }
  for (let o = start; o < end; o += OUT_TILE) {
    const count = min(OUT_TILE, end - o);
    memory.fill(acc, 0, (rows + 1) * OUT_TILE * 16);
    let first: usize = 0;
    if (rows < MANY_ROWS && dotCodesWidth(type) > 0) {
      const pieces = cols / dotCodesWidth(type);
      first = pieces * dotCodesWidth(type);
      for (let i: usize = 0; i < count; i++) {
        const atA = a + (o + i) * planeBytes(type, 0, cols);
        const atB = b + (o + i) * planeBytes(type, 1, cols);
        const atC = c + (o + i) * planeBytes(type, 2, cols);
        const atD = d + (o + i) * planeBytes(type, 3, cols);
        for (let row: usize = 0; row < rows; row++) {
          const lanes = dotCodes(type, atA, atB, atC, atD, pieces, x + row * xStride);
          v128.store(acc + (row * OUT_TILE + i) * 16, lanes);
        }
      }
    }
    for (let col = first; col < cols; col += COL_TILE) {
      const width = min(COL_TILE, cols - col);
      for (let i: usize = 0; i < count; i++) {
        unpackRow(type, a, b, c, d, cols, o + i, col, width, isInterleaved(type, rows), scratch, i);
      }
      if (isSignedType(type)) dotPanel<i8>(type, col, width, x, xStride, rows, count, scratch, acc);
      else dotPanel<u8>(type, col, width, x, xStride, rows, count, scratch, acc);
    }
    for (let row: usize = 0; row < rows; row++) {
      for (let i: usize = 0; i < count; i++) {
        const ofRow = row * outStride;
        const residualRow = residual ? residual + ofRow : 0;
        finish(acc + (row * OUT_TILE + i) * 16, o + i, scale, bias, residualRow, out + ofRow);
      }
    }
  }
}

// Output `o` of one row, from its lanes.
function finish(lanes: usize, o: usize, scale: f32, bias: usize, residual: usize, out: usize): void {
  const at = o << 2;
  let sum = sumLanes(v128.load(lanes));
  if (bias) sum += load<f32>(bias + at);
  sum *= scale;
  store<f32>(out + at, residual ? load<f32>(residual + at) + sum : sum);
}

// Columns [col, col + width) of matrix row `o` as row i of the panel; zeros up to the next whole unit.
function unpackRow(
  type: u32,
  a: usize,
  b: usize,
  c: usize,
  d: usize,
  cols: usize,
  o: usize,
  col: usize,
  width: usize,
  interleaved: bool,
  panel: usize,
  i: usize,
): void {
  const group = groupOf(type);
  const codes = panel + i * COL_TILE;
  const scales = panel + CODES_BYTES + i * SCALE_ROW;
  unpackCodes(
    type,
    a + o * planeBytes(type, 0, cols) + planeBytes(type, 0, col),
    b + o * planeBytes(type, 1, cols) + planeBytes(type, 1, col),
    c + o * planeBytes(type, 2, cols) + planeBytes(type, 2, col),
    d + o * planeBytes(type, 3, cols) + planeBytes(type, 3, col),
    width,
    codes,
    scales,
    scales + MINIMA,
  );
  const unit = GROUPS * group;
  const missing = (unit - (width % unit)) % unit;
  if (missing > 0) {
    const groups = width / group;
    memory.fill(codes + width, 0, missing);
    memory.fill(scales + (groups << 2), 0, (missing / group) << 2);
    memory.fill(scales + MINIMA + (groups << 2), 0, (missing / group) << 2);
  }
  if (interleaved && !isArranged(type)) {
    for (let at: usize = 0; at < width; at += unit) interleave(codes + at, group);
  }
}

function dotPanel<C>(
  type: u32,
  col: usize,
  width: usize,
  x: usize,
  xStride: usize,
  rows: usize,
  count: usize,
  panel: usize,
  acc: usize,
): void {
  const group = groupOf(type);
  const unit = GROUPS * group;
  const units = (width + unit - 1) / unit;
  const from = x + (col / unit) * recordBytes<C>(group);
  const scales = panel + CODES_BYTES;
  if (!isInterleaved(type, rows)) {
    for (let row: usize = 0; row < rows; row++) {
      for (let i: usize = 0; i < count; i++) {
        const at = acc + (row * OUT_TILE + i) * 16;
        dotRow<C>(panel + i * COL_TILE, scales + i * SCALE_ROW, group, units, from + row * xStride, at);
      }
    }
    return;
  }
  for (let row: usize = 0; row < rows; row += 2) {
    const xA = from + row * xStride;
    const xB = row + 1 < rows ? xA + xStride : xA;
    for (let i: usize = 0; i < count; i += 4) {
      const accA = acc + (row * OUT_TILE + i) * 16;
      dotTile<C>(panel + i * COL_TILE, scales + i * SCALE_ROW, group, units, xA, xB, accA);
    }
  }
}

// One row, whose elements are in their order, and one output.
function dotRow<C>(codes: usize, scales: usize, group: usize, units: usize, x: usize, acc: usize): void {
  const tail = (group >> 2) * vectorBytes<C>();
  let sum = v128.load(acc);
  for (; units > 0; units--) {
    const sums = unitSums<C>(codes, group, x);
    sum = addUnit<C>(sum, sums, v128.load(scales), v128.load(scales, MINIMA), x + tail);
    codes += group << 2;
    scales += 16;
    x += tail + 32;
  }
  v128.store(acc, sum);
}

// Two interleaved rows and four outputs; their lanes lie at `acc` and OUT_TILE lanes after it.
function dotTile<C>(
  codes: usize,
  scales: usize,
  group: usize,
  units: usize,
  xA: usize,
  xB: usize,
  acc: usize,
): void {
  for (; units > 0; units--) {
    let a0 = i32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    for (const end = codes + (group << 2); codes < end; codes += 16) {
      let weight = v128.load(codes);
      a0 = dot<C>(a0, weight, xA);
      b0 = dot<C>(b0, weight, xB);
      weight = v128.load(codes, COL_TILE);
      a1 = dot<C>(a1, weight, xA);
      b1 = dot<C>(b1, weight, xB);
      weight = v128.load(codes, 2 * COL_TILE);
      a2 = dot<C>(a2, weight, xA);
      b2 = dot<C>(b2, weight, xB);
      weight = v128.load(codes, 3 * COL_TILE);
      a3 = dot<C>(a3, weight, xA);
      b3 = dot<C>(b3, weight, xB);
      xA += vectorBytes<C>();
      xB += vectorBytes<C>();
    }
    let scale = v128.load(scales);
    let minima = v128.load(scales, MINIMA);
    v128.store(acc, addUnit<C>(v128.load(acc), a0, scale, minima, xA));
    v128.store(acc, addUnit<C>(v128.load(acc, 128), b0, scale, minima, xB), 128);
    scale = v128.load(scales, SCALE_ROW);
    minima = v128.load(scales, SCALE_ROW + MINIMA);
    v128.store(acc, addUnit<C>(v128.load(acc, 16), a1, scale, minima, xA), 16);
    v128.store(acc, addUnit<C>(v128.load(acc, 144), b1, scale, minima, xB), 144);
    scale = v128.load(scales, 2 * SCALE_ROW);
    minima = v128.load(scales, 2 * SCALE_ROW + MINIMA);
    v128.store(acc, addUnit<C>(v128.load(acc, 32), a2, scale, minima, xA), 32);
    v128.store(acc, addUnit<C>(v128.load(acc, 160), b2, scale, minima, xB), 160);
    scale = v128.load(scales, 3 * SCALE_ROW);
    minima = v128.load(scales, 3 * SCALE_ROW + MINIMA);
    v128.store(acc, addUnit<C>(v128.load(acc, 48), a3, scale, minima, xA), 48);
    v128.store(acc, addUnit<C>(v128.load(acc, 176), b3, scale, minima, xB), 176);
    scales += 16;
    xA += 32;
    xB += 32;
  }
}
