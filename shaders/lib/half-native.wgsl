// f16 → f32 by the hardware; chosen only where a probe found subnormals intact.
fn halves_to_floats(word: u32) -> vec2<f32> {
  return vec2<f32>(bitcast<vec2<f16>>(word));
}

fn half_to_float(bits: u32) -> f32 {
  return halves_to_floats(bits).x;
}
