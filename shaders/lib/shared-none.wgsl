fn with_shared(index: u32, value: vec4<f32>) -> vec4<f32> {
  return value;
}
