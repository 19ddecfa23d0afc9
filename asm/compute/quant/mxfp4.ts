// MXFP4 (Open Compute Project, microscaling formats): 2^(e - 127)·q, blocks of 32 nibbles in Q4_0's order that are
// 4-bit floats (E2M1).
//
// The levels are E2M1's numbers doubled, which makes them whole; half the scale goes with them.
import { addUnit, sumAcross } from "../int8/dot";
import { recordBytes, vectorBytes } from "../int8/units";
import { highNibbles, lowNibbles, storeScaled, TOP } from "./bytes";
import { levelSums } from "./iq4_nl";
import { BLOCK } from "./types";

function levelTable(): v128 {
  return i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
}
function levels(nibbles: v128): v128 {
  return i8x16.swizzle(levelTable(), nibbles);
}

// 2^(e - 128); subnormal where e < 2.
function halfScale(e: u32): f32 {
  return reinterpret<f32>(e < 2 ? 0x00200000 << e : (e - 1) << 23);
}

function multiply(values: usize, scale: f32): void {
  const scales = f32x4.splat(scale);
  for (const end = values + (BLOCK << 2); values < end; values += 16) {
    v128.store(values, f32x4.mul(v128.load(values), scales));
  }
}

export function unpackMXFP4(qs: usize, exponents: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; out += BLOCK << 2, qs += 16, exponents++) {
    const bytes = v128.load(qs);
    const e = <u32>load<u8>(exponents);
    // Tiny scales leave no room for TOP.
    const tiny = e < 64;
    const scale = tiny ? TOP : halfScale(e) * TOP;
    storeScaled(levels(lowNibbles(bytes)), scale, out);
    storeScaled(levels(highNibbles(bytes)), scale, out + 64);
    if (tiny) multiply(out, halfScale(e));
  }
}

// As codes (int8/units.ts): the doubled levels.
export function codesMXFP4(qs: usize, exponents: usize, cols: usize, codes: usize, scales: usize): void {
  for (const end = codes + cols; codes < end; codes += BLOCK, qs += 16, exponents++, scales += 4) {
    const bytes = v128.load(qs);
    v128.store(codes, levels(lowNibbles(bytes)));
    v128.store(codes, levels(highNibbles(bytes)), 16);
    store<f32>(scales, halfScale(<u32>load<u8>(exponents)));
  }
}

// As halfScale, of the four bytes at `exponents`.
function halfScales(exponents: usize): v128 {
  const e = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(exponents)));
  const subnormal = i32x4.shl(i32x4.add(e, i32x4.splat(1)), 21);
  const normal = i32x4.shl(i32x4.sub(e, i32x4.splat(1)), 23);
  return v128.bitselect(subnormal, normal, i32x4.lt_s(e, i32x4.splat(2)));
}

// Lanes of a row's product with one quantised row of x, over `units` units (int8/units.ts).
export function rowMXFP4(qs: usize, exponents: usize, units: usize, x: usize): v128 {
  const table = levelTable();
  let sum = f32x4.splat(0);
  for (; units > 0; units--, qs += 64, exponents += 4, x += recordBytes<i8>(BLOCK)) {
    const sums = sumAcross(
      levelSums(table, v128.load(qs), x),
      levelSums(table, v128.load(qs, 16), x + 2 * vectorBytes<i8>()),
      levelSums(table, v128.load(qs, 32), x + 4 * vectorBytes<i8>()),
      levelSums(table, v128.load(qs, 48), x + 6 * vectorBytes<i8>()),
    );
    sum = addUnit<i8>(sum, sums, halfScales(exponents), sum, x + 8 * vectorBytes<i8>());
  }
  return sum;
}
