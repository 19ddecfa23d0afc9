@group(0) @binding(3) var<storage, read> residual: array<f32>; // [rows, OUT_WIDTH]

fn with_residual(index: u32, value: f32) -> f32 {
  return residual[index] + value;
}
