// Sixteen products of codes and quants, added to the four lanes of `sum`, elements 4l to 4l + 3 to lane l.
//
// i32x4.relaxed_dot_i8x16_i7x16_add_s is a dot product of signed bytes and bytes of 0 to 127, exact where the second
// operand keeps to that. Codes without a sign are that operand. Of signed ones |q| is, and codes are complemented where
// q < 0: |q|·~c = q·c - |q|, the last of which a record has the sum of, so that -128 is no exception.
import { highJoin, highPair, lowJoin, lowPair } from "./interleave";
import { vectorBytes } from "./units";

export function dot<C>(sum: v128, codes: v128, x: usize): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (isSigned<C>()) {
      const complemented = v128.xor(codes, v128.load(x, 16));
      return i32x4.relaxed_dot_i8x16_i7x16_add_s(complemented, v128.load(x), sum);
    }
    return i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(x), codes, sum);
  }
  const even = i32x4.dot_i16x8_s(evenCodes<C>(codes), v128.load(x));
  const odd = i32x4.dot_i16x8_s(oddCodes<C>(codes), v128.load(x, 16));
  return i32x4.add(sum, i32x4.add(even, odd));
}

// As dot of codes without a sign, for two vectors and quants that are at hand. Relaxed binaries only.
export function dotTwo(first: v128, second: v128, x: v128, y: v128): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD) return unreachable();
  const sum = i32x4.relaxed_dot_i8x16_i7x16_add_s(x, first, i32x4.splat(0));
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(y, second, sum);
}

export function evenCodes<C>(codes: v128): v128 {
  return isSigned<C>() ? i16x8.shr_s(i16x8.shl(codes, 8), 8) : v128.and(codes, i16x8.splat(255));
}
export function oddCodes<C>(codes: v128): v128 {
  return isSigned<C>() ? i16x8.shr_s(codes, 8) : i16x8.shr_u(codes, 8);
}

// Lane g = the sum of the g-th operand's lanes.
export function sumAcross(a: v128, b: v128, c: v128, d: v128): v128 {
  return joinPairs(sumPairs(a, b), sumPairs(c, d));
}

// Its halves, for code that is to hold few sums at a time.
export function sumPairs(a: v128, b: v128): v128 {
  return i32x4.add(lowPair(a, b), highPair(a, b));
}
export function joinPairs(ab: v128, cd: v128): v128 {
  return i32x4.add(lowJoin(ab, cd), highJoin(ab, cd));
}

// Adds a unit to the lanes of a sum; `codeSums` as `dot` gives them, `tail` is where d starts in the record.
export function addUnit<C>(sum: v128, codeSums: v128, scales: v128, minima: v128, tail: usize): v128 {
  const scale = f32x4.mul(scales, v128.load(tail));
  if (isSigned<C>()) {
    const sums = ASC_FEATURE_RELAXED_SIMD ? i32x4.add(codeSums, v128.load(tail, 16)) : codeSums;
    return f32x4.add(sum, f32x4.mul(f32x4.convert_i32x4_s(sums), scale));
  }
  const products = f32x4.mul(f32x4.convert_i32x4_s(codeSums), scale);
  return f32x4.add(sum, f32x4.add(products, f32x4.mul(minima, v128.load(tail, 16))));
}

// The code sums of a unit whose elements are in their order at `codes` and in x's record.
export function unitSums<C>(codes: usize, group: usize, x: usize): v128 {
  const step = vectorBytes<C>();
  const zero = i32x4.splat(0);
  if (group == 16) {
    return sumAcross(
      dot<C>(zero, v128.load(codes), x),
      dot<C>(zero, v128.load(codes, 16), x + step),
      dot<C>(zero, v128.load(codes, 32), x + 2 * step),
      dot<C>(zero, v128.load(codes, 48), x + 3 * step),
    );
  }
  return sumAcross(
    dot<C>(dot<C>(zero, v128.load(codes), x), v128.load(codes, 16), x + step),
    dot<C>(dot<C>(zero, v128.load(codes, 32), x + 2 * step), v128.load(codes, 48), x + 3 * step),
    dot<C>(dot<C>(zero, v128.load(codes, 64), x + 4 * step), v128.load(codes, 80), x + 5 * step),
    dot<C>(dot<C>(zero, v128.load(codes, 96), x + 6 * step), v128.load(codes, 112), x + 7 * step),
  );
}
