// A result is itself.
fn gated(at: u32, value: f32) -> f32 {
  return value;
}
