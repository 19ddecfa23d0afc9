// Products on int8 activations: what a row of x is rounded to, and the order in which products are summed.
//
// x: each 32 numbers become bytes q, -127 to 127, and an f32 scale d = max|x| / 127.
// W: an element is S·c + M, where the code c is an integer and a group of elements shares S and M. Either c is a byte
//    with a sign and M is 0 (`i8` below), or c is 0 to 127 and M holds what the type subtracts (`u8`). A group has 16
//    or 32 elements, as the type has it.
//
// Four groups are a unit, and the four lanes of a sum belong to the four groups of each unit:
//
//   lane g of the sum += f32(Σ c·q) · (S·d) [+ M · (d · Σq)]        units in ascending order, sums of integers exact
//
// and a product is (lane 0 + lane 1) + (lane 2 + lane 3). Sums of integers have no order, so that binaries with and
// without relaxed SIMD, one row and many, give the same bits.
//
// A quantised row of x is a record a unit:
//
//   u8, relaxed    16 bytes of q, for each vector of 16 elements          then [4] d and [4] d · Σq
//   i8, relaxed    16 bytes of |q|, 16 of its signs (0 or -1)             then [4] d and [4] i32 Σ|q| over q < 0
//   otherwise      16-bit q: elements 0, 2, … 14 of 16, then 1, 3, … 15   then [4] d and [4] d · Σq
//
// Interleaved, a vector holds four elements of each group, in the order of the groups, and sums fall into their lanes by
// themselves; otherwise elements are in their order, and the groups' lanes are summed across. Weights that are arranged
// (arrange.ts) are interleaved where they lie, others only for many rows.
import * as T from "../quant/types";
import { isArranged } from "./arrange";

// Bit of a type's number: x is quantised.
export const INT8: u32 = 32;

// Groups of a unit.
export const GROUPS: usize = 4;

// Rows are many from here on: what it takes to unpack and to interleave codes is then less than to sum across for each.
export const MANY_ROWS: usize = 4;

export function isInterleaved(type: u32, rows: usize): bool {
  return rows >= MANY_ROWS || isArranged(type);
}

// Whether codes are bytes with a sign.
export function isSignedType(type: u32): bool {
  return type == T.Q8_0 || type >= T.IQ4_NL;
}

// Elements that share S and M.
export function groupOf(type: u32): usize {
  return type == T.Q2_K || type == T.Q3_K || type == T.Q6_K ? 16 : 32;
}

// Bytes of x's record for 16 elements.
export function vectorBytes<C>(): usize {
  return ASC_FEATURE_RELAXED_SIMD && !isSigned<C>() ? 16 : 32;
}

// Bytes of a unit's record, where 4 · `group` elements are a unit.
export function recordBytes<C>(group: usize): usize {
  return (group >> 2) * vectorBytes<C>() + 32;
}

// Bytes of a quantised row of `cols` numbers for weights of `type`.
export function quantizedRowBytes(type: u32, cols: usize): usize {
  const group = groupOf(type);
  const units = (cols + GROUPS * group - 1) / (GROUPS * group);
  return units * (isSignedType(type) ? recordBytes<i8>(group) : recordBytes<u8>(group));
}
