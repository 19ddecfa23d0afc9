// Q4_K: d·s·q - dmin·t, blocks of 256. Byte 32p + l holds element 64p + l in its low and 64p + 32 + l in its high
// nibble; each 32 elements have a 6-bit s and t.
import { addUnit, dot } from "../int8/dot";
import { vectorBytes } from "../int8/units";
import { highNibbles, lane0, lane1, lane2, lane3, lowNibbles, storeShifted, storeTop, TOP } from "./bytes";
import { scaleOf, splatScale } from "./f16";
import { addProducts, firstProducts } from "./q8_0";
import { SUPER_BLOCK } from "./types";

// The eight s, then the eight t of a block, one a byte. Twelve bytes hold them: the low six bits of bytes 0 to 3 are
// s 0 to 3, those of bytes 4 to 7 t 0 to 3; bytes 8 to 11 hold the low four bits of s (low nibble) and t 4 to 7, whose
// high two are the top bits of bytes 0 to 7.
export function groupScales(scales: usize): u64 {
  const first = load<u32>(scales);
  const last = load<u32>(scales, 8);
  return <u64>(first & 0x3f3f3f3f) | ((<u64>((last & 0x0f0f0f0f) | ((first >> 2) & 0x30303030))) << 32);
}
export function groupMinima(scales: usize): u64 {
  const second = load<u32>(scales, 4);
  const last = load<u32>(scales, 8);
  return (
    <u64>(second & 0x3f3f3f3f) | ((<u64>(((last >> 4) & 0x0f0f0f0f) | ((second >> 2) & 0x30303030))) << 32)
  );
}

export function unpackQ4K(qs: usize, scales: usize, dm: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; scales += 12, dm += 4) {
    const d = scaleOf(dm) * TOP;
    const dmin = scaleOf(dm + 2);
    let s = groupScales(scales);
    let t = groupMinima(scales);
    for (const blockEnd = out + (SUPER_BLOCK << 2); out < blockEnd; qs += 32, out += 256) {
      const first = v128.load(qs);
      const second = v128.load(qs, 16);
      let scale = d * <f32>(<u32>s & 255);
      let offset = -(dmin * <f32>(<u32>t & 255));
      storeShifted(lowNibbles(first), scale, offset, out);
      storeShifted(lowNibbles(second), scale, offset, out + 64);
      scale = d * <f32>((<u32>s >> 8) & 255);
      offset = -(dmin * <f32>((<u32>t >> 8) & 255));
      storeShifted(highNibbles(first), scale, offset, out + 128);
      storeShifted(highNibbles(second), scale, offset, out + 192);
      s >>= 16;
      t >>= 16;
    }
  }
}

// out = q times 2^24.
export function quantsQ4K(qs: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; qs += 32, out += 256) {
    const first = v128.load(qs);
    const second = v128.load(qs, 16);
    storeTop(lowNibbles(first), out);
    storeTop(lowNibbles(second), out + 64);
    storeTop(highNibbles(first), out + 128);
    storeTop(highNibbles(second), out + 192);
  }
}

// out = d·s of each 32 elements, without the 2^24 that quants have too much. Q5_K has the same.
export function scalesQ4K(scales: usize, dm: usize, cols: usize, out: usize): void {
  for (const end = out + (cols >> 3); out < end; scales += 12, dm += 4, out += 32) {
    const d = f32x4.mul(splatScale(dm), f32x4.splat(TOP));
    const s = groupScales(scales);
    v128.store(out, firstScales(d, s));
    v128.store(out, lastScales(d, s), 16);
  }
}

// Lanes of a row's product with x (../linear.ts), minima aside.
export function dotQ4K(qs: usize, scales: usize, dm: usize, cols: usize, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (const end = x + (cols << 2); x < end; x += 1024, qs += 128, scales += 12, dm += 4) {
    const d = f32x4.mul(splatScale(dm), f32x4.splat(TOP));
    const s = groupScales(scales);
    sum = addFourGroups(sum, qs, firstScales(d, s), x);
    sum = addFourGroups(sum, qs + 64, lastScales(d, s), x + 512);
  }
  return sum;
}

// Adds 128 elements.
function addFourGroups(sum: v128, qs: usize, scales: v128, x: usize): v128 {
  let first = v128.load(qs);
  let second = v128.load(qs, 16);
  let block = addProducts(firstProducts(lowNibbles(first), x), lowNibbles(second), x + 64);
  sum = f32x4.add(sum, f32x4.mul(block, lane0(scales)));
  block = addProducts(firstProducts(highNibbles(first), x + 128), highNibbles(second), x + 192);
  sum = f32x4.add(sum, f32x4.mul(block, lane1(scales)));
  first = v128.load(qs, 32);
  second = v128.load(qs, 48);
  block = addProducts(firstProducts(lowNibbles(first), x + 256), lowNibbles(second), x + 320);
  sum = f32x4.add(sum, f32x4.mul(block, lane2(scales)));
  block = addProducts(firstProducts(highNibbles(first), x + 384), highNibbles(second), x + 448);
  return f32x4.add(sum, f32x4.mul(block, lane3(scales)));
}

// lanes += the part of a row's product with each of `rows` rows of x that minima have: group 4i + lane of -dmin·t times
// the group's sum in `sums`, [rows, stride / 4]. Lanes are `accStride` bytes apart. Q5_K has the same.
export function addMinimaQ4K(
  scales: usize,
  dm: usize,
  cols: usize,
  sums: usize,
  stride: usize,
  rows: usize,
  acc: usize,
  accStride: usize,
): void {
  for (const end = sums + (cols >> 3); sums < end; scales += 12, dm += 4, sums += 32) {
    const dmin = f32x4.neg(splatScale(dm + 2));
    const t = groupMinima(scales);
    const first = firstScales(dmin, t);
    const last = lastScales(dmin, t);
    let from = sums;
    let to = acc;
    for (let row: usize = 0; row < rows; row++, from += stride, to += accStride) {
      const lanes = f32x4.add(v128.load(to), f32x4.mul(first, v128.load(from)));
      v128.store(to, f32x4.add(lanes, f32x4.mul(last, v128.load(from, 16))));
    }
  }
}

// Scales and minima of a block's eight groups of 32, as codes have them (int8/units.ts).
export function storeGroups(scales: usize, dm: usize, out: usize, minima: usize): void {
  const d = splatScale(dm);
  const dmin = f32x4.neg(splatScale(dm + 2));
  const s = groupScales(scales);
  const t = groupMinima(scales);
  v128.store(out, firstScales(d, s));
  v128.store(out, lastScales(d, s), 16);
  v128.store(minima, firstScales(dmin, t));
  v128.store(minima, lastScales(dmin, t), 16);
}

// As codes (int8/units.ts), of arranged rows.
export function codesQ4K(
  qs: usize,
  scales: usize,
  dm: usize,
  cols: usize,
  codes: usize,
  out: usize,
  minima: usize,
): void {
  for (const end = codes + cols; codes < end; scales += 12, dm += 4, out += 32, minima += 32) {
    storeGroups(scales, dm, out, minima);
    for (const blockEnd = codes + SUPER_BLOCK; codes < blockEnd; qs += 64, codes += 128) {
      for (let half: usize = 0; half < 2; half++) {
        const first = v128.load(qs + half * 16);
        const last = v128.load(qs + half * 16, 32);
        v128.store(codes + half * 64, lowNibbles(first));
        v128.store(codes + half * 64, highNibbles(first), 16);
        v128.store(codes + half * 64, lowNibbles(last), 32);
        v128.store(codes + half * 64, highNibbles(last), 48);
      }
    }
  }
}

// d · each of the first, then of the last four bytes.
export function firstScales(d: v128, bytes: u64): v128 {
  const words = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i64x2.splat(bytes)));
  return f32x4.mul(d, f32x4.convert_i32x4_s(words));
}
export function lastScales(d: v128, bytes: u64): v128 {
  const words = i32x4.extend_high_i16x8_u(i16x8.extend_low_i8x16_u(i64x2.splat(bytes)));
  return f32x4.mul(d, f32x4.convert_i32x4_s(words));
}

// Lanes of an arranged row's product with one quantised row of x, over `blocks` blocks, of two units each
// (int8/units.ts).
export function rowQ4K(qs: usize, scales: usize, dm: usize, blocks: usize, x: usize): v128 {
  const tail = 8 * vectorBytes<u8>();
  let sum = f32x4.splat(0);
  for (; blocks > 0; blocks--, qs += 128, scales += 12, dm += 4) {
    const d = splatScale(dm);
    const dmin = f32x4.neg(splatScale(dm + 2));
    const s = groupScales(scales);
    const t = groupMinima(scales);
    sum = addUnit<u8>(sum, fourBitSums(qs, x), firstScales(d, s), firstScales(dmin, t), x + tail);
    x += tail + 32;
    sum = addUnit<u8>(sum, fourBitSums(qs + 64, x), lastScales(d, s), lastScales(dmin, t), x + tail);
    x += tail + 32;
  }
  return sum;
}

// Code sums (int8/dot.ts) of a unit. Two sums run side by side: one would wait for itself, more would take registers.
function fourBitSums(qs: usize, x: usize): v128 {
  const step = vectorBytes<u8>();
  let first = v128.load(qs);
  let second = v128.load(qs, 16);
  let a = dot<u8>(i32x4.splat(0), lowNibbles(first), x);
  let b = dot<u8>(i32x4.splat(0), lowNibbles(second), x + 4 * step);
  a = dot<u8>(a, highNibbles(first), x + step);
  b = dot<u8>(b, highNibbles(second), x + 5 * step);
  first = v128.load(qs, 32);
  second = v128.load(qs, 48);
  a = dot<u8>(a, lowNibbles(first), x + 2 * step);
  b = dot<u8>(b, lowNibbles(second), x + 6 * step);
  a = dot<u8>(a, highNibbles(first), x + 3 * step);
  b = dot<u8>(b, highNibbles(second), x + 7 * step);
  return i32x4.add(a, b);
}
