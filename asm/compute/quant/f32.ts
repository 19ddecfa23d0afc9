// Plain f32 rows.

// acc[0], acc[1] = lane sums of two rows times x.
export function dotPairF32(a: usize, b: usize, cols: usize, x: usize, acc: usize): void {
  let sumA = f32x4.splat(0);
  let sumB = f32x4.splat(0);
  for (const end = x + (cols << 2); x < end; x += 16, a += 16, b += 16) {
    const values = v128.load(x);
    sumA = f32x4.add(sumA, f32x4.mul(v128.load(a), values));
    sumB = f32x4.add(sumB, f32x4.mul(v128.load(b), values));
  }
  v128.store(acc, sumA);
  v128.store(acc, sumB, 16);
}
