// bfloat16: the upper half of an f32.

// Elements [4i, 4i + 4) of a row.
export function bf16Lanes(row: usize): v128 {
  return i32x4.shl(v128.load16x4_u(row), 16);
}

// acc[0..4) = lane sums of four rows of `cols` numbers times x: rows 0 to 3 from `weights` on, `stride` bytes apart,
// with `last` (0 to 3) in place of those after it.
export function dotRowsBF16(
  weights: usize,
  stride: usize,
  last: usize,
  cols: usize,
  x: usize,
  acc: usize,
): void {
  const b = min(1, last) * stride;
  const c = min(2, last) * stride;
  const d = min(3, last) * stride;
  let sumA = f32x4.splat(0);
  let sumB = sumA;
  let sumC = sumA;
  let sumD = sumA;
  for (const end = x + (cols << 2); x < end; x += 16, weights += 8) {
    const values = v128.load(x);
    sumA = f32x4.add(sumA, f32x4.mul(bf16Lanes(weights), values));
    sumB = f32x4.add(sumB, f32x4.mul(bf16Lanes(weights + b), values));
    sumC = f32x4.add(sumC, f32x4.mul(bf16Lanes(weights + c), values));
    sumD = f32x4.add(sumD, f32x4.mul(bf16Lanes(weights + d), values));
  }
  v128.store(acc, sumA);
  v128.store(acc, sumB, 16);
  v128.store(acc, sumC, 32);
  v128.store(acc, sumD, 48);
}

export function unpackBF16(row: usize, cols: usize, out: usize): void {
  for (const end = out + (cols << 2); out < end; out += 16, row += 8) v128.store(out, bf16Lanes(row));
}
