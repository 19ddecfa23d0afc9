// Rounds rows of x to the records of units.ts.
import { BLOCK } from "../quant/types";
import { interleave } from "./interleave";
import { GROUPS, groupOf, isInterleaved, isSignedType, recordBytes, vectorBytes } from "./units";

// Scales below this are 0 in effect, and 127 divided by them may be infinite.
const LEAST: f32 = 1e-30;

// out [rows], `outStride` bytes apart = quantised rows of x [rows, cols], for products with weights of `type`. cols is a
// multiple of 32; what is missing to whole units is 0.
export function quantizeRows(
  type: u32,
  x: usize,
  cols: usize,
  rows: usize,
  out: usize,
  outStride: usize,
): void {
  const group = groupOf(type);
  for (let row: usize = 0; row < rows; row++, x += cols << 2, out += outStride) {
    if (isSignedType(type)) quantizeRow<i8>(group, x, cols, isInterleaved(type, rows), out);
    else quantizeRow<u8>(group, x, cols, isInterleaved(type, rows), out);
  }
}

function quantizeRow<C>(group: usize, x: usize, cols: usize, interleaved: bool, out: usize): void {
  const unit = GROUPS * group;
  const tail = (group >> 2) * vectorBytes<C>();
  for (const end = x + (cols << 2); x < end; out += recordBytes<C>(group)) {
    for (let block: usize = 0; block < unit; block += BLOCK, x += BLOCK << 2) {
      const at = out + tail + (block / group) * 4;
      if (x < end) quantizeBlock<C>(x, group, out + block, at);
      else emptyBlock(group, out + block, at);
    }
    if (interleaved) interleave(out, group);
    spread<C>(out, group);
  }
}

// quants [32] as bytes; at `tail` d, and 16 bytes after it the second number, of each group of the block.
function quantizeBlock<C>(x: usize, group: usize, quants: usize, tail: usize): void {
  let largest = f32x4.abs(v128.load(x));
  for (let i: usize = 16; i < BLOCK * 4; i += 16) largest = f32x4.max(largest, f32x4.abs(v128.load(x + i)));
  largest = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
  largest = f32x4.max(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
  // Not a number if x is not: that and infinity come out in d, and so in the product.
  const most = f32x4.extract_lane(largest, 0);
  const d = most / 127;
  const inverse = f32x4.splat(most > LEAST ? 127 / most : 0);
  let second = 0;
  for (let half: usize = 0; half < BLOCK; half += 16, x += 64) {
    const a = rounded(v128.load(x), inverse);
    const b = rounded(v128.load(x, 16), inverse);
    const c = rounded(v128.load(x, 32), inverse);
    const e = rounded(v128.load(x, 48), inverse);
    v128.store(quants + half, i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, e)));
    const sum = isSigned<C>()
      ? i32x4.add(i32x4.add(belowZero(a), belowZero(b)), i32x4.add(belowZero(c), belowZero(e)))
      : i32x4.add(i32x4.add(a, b), i32x4.add(c, e));
    second += sumOf(sum);
    if (group == 16 || half == 16) {
      store<f32>(tail, d);
      if (isSigned<C>()) store<i32>(tail, second, 16);
      else store<f32>(tail, d * <f32>second, 16);
      tail += 4;
      second = 0;
    }
  }
}

function emptyBlock(group: usize, quants: usize, tail: usize): void {
  memory.fill(quants, 0, BLOCK);
  memory.fill(tail, 0, (BLOCK / group) * 4);
  memory.fill(tail + 16, 0, (BLOCK / group) * 4);
}

function rounded(x: v128, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(x, inverse)));
}

// |q| where q < 0, else 0.
function belowZero(q: v128): v128 {
  return i32x4.max_s(i32x4.neg(q), i32x4.splat(0));
}

function sumOf(lanes: v128): i32 {
  return (
    i32x4.extract_lane(lanes, 0) +
    i32x4.extract_lane(lanes, 1) +
    i32x4.extract_lane(lanes, 2) +
    i32x4.extract_lane(lanes, 3)
  );
}

// The record's vectors from the bytes that lie at its start; from the last on, since they take more room.
function spread<C>(record: usize, group: usize): void {
  if (vectorBytes<C>() == 16) return;
  for (let i = (group >> 2) - 1; <isize>i >= 0; i--) {
    const quants = v128.load(record + (i << 4));
    const out = record + (i << 5);
    if (ASC_FEATURE_RELAXED_SIMD) {
      v128.store(out, i8x16.abs(quants));
      v128.store(out, i8x16.lt_s(quants, i8x16.splat(0)), 16);
    } else {
      v128.store(out, i16x8.shr_s(i16x8.shl(quants, 8), 8));
      v128.store(out, i16x8.shr_s(quants, 8), 16);
    }
  }
}
