/**
 * From blocks as GGUF interleaves them to planes: all quants, then all scales.
 *
 * ```
 * file    | scale f16 | quants | scale f16 | quants | …
 * packed  | quants | quants | … || f16 | f16 | …
 * ```
 *
 * Every function returns the index of the first block (or element) whose scale (or value) is infinite or NaN,
 * or -1 if all are finite.
 */

function f16IsFinite(bits: u32): bool {
  return (bits & 0x7c00) != 0x7c00;
}

/** Blocks of an f16 scale and 32 int8. */
export function repackQ8_0(blocks: usize, count: u32, quants: usize, scales: usize): i32 {
  for (let i: u32 = 0; i < count; i++) {
    const scale = load<u16>(blocks);
    if (!f16IsFinite(scale)) return i as i32;
    store<u16>(scales, scale);
    v128.store(quants, v128.load(blocks, 2));
    v128.store(quants, v128.load(blocks, 18), 16);
    blocks += 34;
    quants += 32;
    scales += 2;
  }
  return -1;
}

/** Blocks of an f16 scale and 16 bytes of nibble pairs; the nibbles stay where they are. */
export function repackQ4_0(blocks: usize, count: u32, quants: usize, scales: usize): i32 {
  for (let i: u32 = 0; i < count; i++) {
    const scale = load<u16>(blocks);
    if (!f16IsFinite(scale)) return i as i32;
    store<u16>(scales, scale);
    v128.store(quants, v128.load(blocks, 2));
    blocks += 18;
    quants += 16;
    scales += 2;
  }
  return -1;
}

/** f32 elements stay as they are: only looked at. */
export function checkF32(values: usize, count: u32): i32 {
  const exponent = i32x4.splat(0x7f800000);
  let i: u32 = 0;
  for (; i + 4 <= count; i += 4) {
    const bits = v128.load(values + ((i as usize) << 2));
    if (v128.any_true(i32x4.eq(v128.and(bits, exponent), exponent))) break;
  }
  for (; i < count; i++) {
    if ((load<u32>(values + ((i as usize) << 2)) & 0x7f800000) == 0x7f800000) return i as i32;
  }
  return -1;
}

/** f16 elements stay as they are: only looked at. */
export function checkF16(values: usize, count: u32): i32 {
  const exponent = i16x8.splat(0x7c00);
  let i: u32 = 0;
  for (; i + 8 <= count; i += 8) {
    const bits = v128.load(values + ((i as usize) << 1));
    if (v128.any_true(i16x8.eq(v128.and(bits, exponent), exponent))) break;
  }
  for (; i < count; i++) {
    if (!f16IsFinite(load<u16>(values + ((i as usize) << 1)))) return i as i32;
  }
  return -1;
}
