// f16 → f32 by integer arithmetic: exact for subnormals, which hardware conversions may flush to zero and which
// block scales of small weights often are. Infinities and NaNs never occur: files that hold them are refused.
fn half_to_float(bits: u32) -> f32 {
  let sign = (bits & 0x8000u) << 16u;
  let magnitude = bits & 0x7fffu;
  let normal = (magnitude << 13u) + 0x38000000u;
  let subnormal = bitcast<u32>(f32(magnitude) * 0x1p-24f);
  return bitcast<f32>(sign | select(normal, subnormal, magnitude < 0x0400u));
}

fn halves_to_floats(word: u32) -> vec2<f32> {
  return vec2<f32>(half_to_float(word & 0xffffu), half_to_float(word >> 16u));
}
