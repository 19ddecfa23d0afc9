// out = residual + scale · ((w₀ · e₀ + w₁ · e₁) + w₂ · e₂ + … [+ shared]): the experts' rows are summed in ascending
// rank, then comes what the shared experts made (0: none). expertRows is [rows, expertsPerToken, width], weights
// [rows, expertsPerToken]; width a multiple of 4.
export function combine(
  residual: usize,
  weights: usize,
  expertRows: usize,
  rows: usize,
  expertsPerToken: usize,
  width: usize,
  shared: usize,
  scale: f32,
  out: usize,
): void {
  const rowBytes = width << 2;
  const scales = f32x4.splat(scale);
  for (let row: usize = 0; row < rows; row++) {
    for (let i: usize = 0; i < rowBytes; i += 16) {
      let sum = f32x4.mul(v128.load32_splat(weights), v128.load(expertRows + i));
      for (let rank: usize = 1; rank < expertsPerToken; rank++) {
        const weight = v128.load32_splat(weights + (rank << 2));
        sum = f32x4.add(sum, f32x4.mul(weight, v128.load(expertRows + rank * rowBytes + i)));
      }
      if (shared) sum = f32x4.add(sum, v128.load(shared + i));
      v128.store(out + i, f32x4.add(v128.load(residual + i), f32x4.mul(scales, sum)));
    }
    residual += rowBytes;
    if (shared) shared += rowBytes;
    out += rowBytes;
    weights += expertsPerToken << 2;
    expertRows += expertsPerToken * rowBytes;
  }
}
