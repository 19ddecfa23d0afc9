// Quants as bytes, sixteen at a time: taken out of what they are packed in, and turned into f32.
//
// A byte becomes f32 in two operations: a swizzle puts it into the top byte of a 32-bit lane, the other bytes zero,
// which is the quant times 2^24 as a signed integer; the conversion is exact. TOP takes the factor off again, by
// itself or as part of a scale: a power of two rounds nothing, as long as the scale does not come near f32's subnormals.
export const TOP: f32 = 1.0 / 16777216.0;

// Lanes [4g, 4g + 4) of sixteen signed bytes, times 2^24. Index 0x80 is out of range: a zero byte.
export function topBytes0(bytes: v128): v128 {
  return f32x4.convert_i32x4_s(
    i8x16.swizzle(
      bytes,
      i8x16(-128, -128, -128, 0, -128, -128, -128, 1, -128, -128, -128, 2, -128, -128, -128, 3),
    ),
  );
}
export function topBytes1(bytes: v128): v128 {
  return f32x4.convert_i32x4_s(
    i8x16.swizzle(
      bytes,
      i8x16(-128, -128, -128, 4, -128, -128, -128, 5, -128, -128, -128, 6, -128, -128, -128, 7),
    ),
  );
}
export function topBytes2(bytes: v128): v128 {
  return f32x4.convert_i32x4_s(
    i8x16.swizzle(
      bytes,
      i8x16(-128, -128, -128, 8, -128, -128, -128, 9, -128, -128, -128, 10, -128, -128, -128, 11),
    ),
  );
}
export function topBytes3(bytes: v128): v128 {
  return f32x4.convert_i32x4_s(
    i8x16.swizzle(
      bytes,
      i8x16(-128, -128, -128, 12, -128, -128, -128, 13, -128, -128, -128, 14, -128, -128, -128, 15),
    ),
  );
}

// out [16] = bytes times 2^24.
export function storeTop(bytes: v128, out: usize): void {
  v128.store(out, topBytes0(bytes));
  v128.store(out, topBytes1(bytes), 16);
  v128.store(out, topBytes2(bytes), 32);
  v128.store(out, topBytes3(bytes), 48);
}

// out [16] = scale · bytes, where `scale` has TOP in it.
export function storeScaled(bytes: v128, scale: f32, out: usize): void {
  const scales = f32x4.splat(scale);
  v128.store(out, f32x4.mul(topBytes0(bytes), scales));
  v128.store(out, f32x4.mul(topBytes1(bytes), scales), 16);
  v128.store(out, f32x4.mul(topBytes2(bytes), scales), 32);
  v128.store(out, f32x4.mul(topBytes3(bytes), scales), 48);
}

// out [16] = scale · bytes + offset, rounded twice; `scale` has TOP in it.
export function storeShifted(bytes: v128, scale: f32, offset: f32, out: usize): void {
  const scales = f32x4.splat(scale);
  const offsets = f32x4.splat(offset);
  v128.store(out, f32x4.add(f32x4.mul(topBytes0(bytes), scales), offsets));
  v128.store(out, f32x4.add(f32x4.mul(topBytes1(bytes), scales), offsets), 16);
  v128.store(out, f32x4.add(f32x4.mul(topBytes2(bytes), scales), offsets), 32);
  v128.store(out, f32x4.add(f32x4.mul(topBytes3(bytes), scales), offsets), 48);
}

// A lane in all four.
export function lane0(lanes: v128): v128 {
  return v128.shuffle<i32>(lanes, lanes, 0, 0, 0, 0);
}
export function lane1(lanes: v128): v128 {
  return v128.shuffle<i32>(lanes, lanes, 1, 1, 1, 1);
}
export function lane2(lanes: v128): v128 {
  return v128.shuffle<i32>(lanes, lanes, 2, 2, 2, 2);
}
export function lane3(lanes: v128): v128 {
  return v128.shuffle<i32>(lanes, lanes, 3, 3, 3, 3);
}

export function lowNibbles(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15));
}
// Shifts of bytes are slow on x86; one of 16-bit lanes and the mask do the same.
export function highNibbles(bytes: v128): v128 {
  return v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15));
}

export function lowPairs(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(3));
}
// Brings the next pair of bits of each byte down to where lowPairs looks; above it lies what must not be looked at.
export function nextPairs(bytes: v128): v128 {
  return i16x8.shr_u(bytes, 2);
}

// All bits of a byte set where the bytes have any bit of `mask`, which has one.
export function bytesWith(bytes: v128, mask: i32): v128 {
  const masks = i8x16.splat(<i8>mask);
  return i8x16.eq(v128.and(bytes, masks), masks);
}

// All bits of byte i set where bit i of the word at `bits` is, for bits 0 to 15; then for bits 16 to 31.
export function lowBits(bits: usize): v128 {
  return spreadBits(
    i8x16.swizzle(v128.load32_zero(bits), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)),
  );
}
export function highBits(bits: usize): v128 {
  return spreadBits(
    i8x16.swizzle(v128.load32_zero(bits), i8x16(2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3)),
  );
}
function spreadBits(bytes: v128): v128 {
  const masks = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
  return i8x16.eq(v128.and(bytes, masks), masks);
}
