// out = x / sqrt(mean(x²) + eps) · weight. Squares are summed in f64, so that the width of a row costs no accuracy.
export function rmsNorm(x: usize, weight: usize, width: usize, eps: f64, rows: usize, out: usize): void {
  for (let row: usize = 0; row < rows; row++, x += width << 2, out += width << 2) {
    normRow(x, weight, width, eps, out);
  }
}

// One row; `out` may be `x`. `width` is a multiple of 4.
export function normRow(x: usize, weight: usize, width: usize, eps: f64, out: usize): void {
  let even = f64x2.splat(0);
  let odd = f64x2.splat(0);
  const bytes = width << 2;
  for (let i: usize = 0; i < bytes; i += 16) {
    const values = v128.load(x + i);
    const low = f64x2.promote_low_f32x4(values);
    const high = f64x2.promote_low_f32x4(v128.shuffle<u64>(values, values, 1, 1));
    even = f64x2.add(even, f64x2.mul(low, low));
    odd = f64x2.add(odd, f64x2.mul(high, high));
  }
  const lanes = f64x2.add(even, odd);
  const squares = f64x2.extract_lane(lanes, 0) + f64x2.extract_lane(lanes, 1);
  const factor = f32x4.splat(<f32>(1 / sqrt(squares / <f64>width + eps)));
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(out + i, f32x4.mul(f32x4.mul(v128.load(x + i), factor), v128.load(weight + i)));
  }
}
