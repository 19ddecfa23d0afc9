// A result gates what `out` holds in its place.
fn gated(at: u32, value: f32) -> f32 {
  return silu(value) * out[at];
}
