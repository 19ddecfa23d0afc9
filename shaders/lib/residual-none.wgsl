fn with_residual(index: u32, value: f32) -> f32 {
  return value;
}
