@group(0) @binding(5) var<storage, read> shared_rows: array<vec4<f32>>; // [rows, WIDTH / 4]

// What the shared experts computed is the last summand.
fn with_shared(index: u32, value: vec4<f32>) -> vec4<f32> {
  return value + shared_rows[index];
}
