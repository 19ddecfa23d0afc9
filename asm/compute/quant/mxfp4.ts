// MXFP4 (Open Compute Project, microscaling formats): 2^(e - 127)·q, blocks of 32 nibbles in Q4_0's order that are
// 4-bit floats (E2M1).
//
// The levels are E2M1's numbers doubled, which makes them whole; half the scale goes with them.
import { highNibbles, lowNibbles, storeScaled, TOP } from "./bytes";
import { BLOCK } from "./types";

function levels(nibbles: v128): v128 {
  return i8x16.swizzle(i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12), nibbles);
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
