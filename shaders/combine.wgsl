// out = what the layer's residual, experts and shared experts make together.
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>; // [rows, WIDTH / 4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
  if (invocation.x < WIDTH / 4u) {
    out[invocation.y * (WIDTH / 4u) + invocation.x] = combined(invocation.y, invocation.x);
  }
}
