@group(0) @binding(7) var<storage, read> bias: array<f32>; // [OUT_WIDTH]

fn with_bias(output: u32, value: f32) -> f32 {
  return value + bias[output];
}
