// The clamp keeps exp finite; beyond it silu is 0 or x to the last bit anyway.
fn silu(value: f32) -> f32 {
  return value / (1.0 + exp(clamp(-value, -80.0, 80.0)));
}
