fn with_bias(output: u32, value: f32) -> f32 {
  return value;
}
