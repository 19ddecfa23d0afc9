// RMSNorm of x on the way into the product: the weights multiply its elements, and what the norm divides by, which
// takes the sum of squares (one more value to reduce), its sums.
const INPUT_VALUES: u32 = 1u;

@group(0) @binding(4) var<storage, read> norm: array<vec4<f32>>; // [cols / 4]

fn weighed(at: u32, value: vec4<f32>) -> vec4<f32> {
  return value * norm[at];
}

fn input_factor(sum: f32) -> f32 {
  return 1.0 / sqrt(sum / f32(ROW_VECTORS * 4u) + EPS);
}
