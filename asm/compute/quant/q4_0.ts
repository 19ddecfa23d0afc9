// Q4_0: blocks of 32 nibbles n that mean n - 8, and one half as their scale. Byte j holds element j in its low and
// element j + 16 in its high nibble.
//
// A nibble in the upper half of a byte with its top bit flipped is 16(n - 8) as a signed byte; from there on the
// arithmetic is Q8_0's, and Q4_FACTOR takes the 16 off together with the 2^24.
import { splatScale } from "./f16";
import { addProducts, firstProducts, topBytes0, topBytes1, topBytes2, topBytes3 } from "./q8_0";

export const Q4_FACTOR: f32 = 1.0 / 268435456.0;

// @ts-ignore: decorator
@inline
function signedHigh(bytes: v128): v128 {
  return v128.xor(v128.and(bytes, i8x16.splat(-16)), i8x16.splat(-128));
}
// @ts-ignore: decorator
@inline
function signedLow(bytes: v128): v128 {
  return signedHigh(i16x8.shl(bytes, 4));
}

// acc[0], acc[1] = lane sums (times 2^28) of two rows of `cols` quants times x.
export function dotPairQ4(a: usize, b: usize, scalesA: usize, scalesB: usize, cols: usize, x: usize, acc: usize): void {
  let sumA = f32x4.splat(0);
  let sumB = f32x4.splat(0);
  for (const end = a + (cols >> 1); a < end; a += 16, b += 16, x += 128, scalesA += 2, scalesB += 2) {
    const bytesA = v128.load(a);
    const bytesB = v128.load(b);
    const blockA = addProducts(firstProducts(signedLow(bytesA), x), signedHigh(bytesA), x + 64);
    const blockB = addProducts(firstProducts(signedLow(bytesB), x), signedHigh(bytesB), x + 64);
    sumA = f32x4.add(sumA, f32x4.mul(blockA, splatScale(scalesA)));
    sumB = f32x4.add(sumB, f32x4.mul(blockB, splatScale(scalesB)));
  }
  v128.store(acc, sumA);
  v128.store(acc, sumB, 16);
}

// out = quants times 2^28, unscaled.
export function unpackQ4(quants: usize, cols: usize, out: usize): void {
  for (const end = quants + (cols >> 1); quants < end; quants += 16, out += 128) {
    const bytes = v128.load(quants);
    const low = signedLow(bytes);
    const high = signedHigh(bytes);
    v128.store(out, topBytes0(low));
    v128.store(out, topBytes1(low), 16);
    v128.store(out, topBytes2(low), 32);
    v128.store(out, topBytes3(low), 48);
    v128.store(out, topBytes0(high), 64);
    v128.store(out, topBytes1(high), 80);
    v128.store(out, topBytes2(high), 96);
    v128.store(out, topBytes3(high), 112);
  }
}
