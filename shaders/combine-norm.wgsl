// combine.wgsl of the one row, and the norm that the next layer begins with: one workgroup, since a norm needs all of
// the row, and a row is too short to be worth two dispatches.
const VALUES: u32 = 1u;
const VECTORS: u32 = (WIDTH / 4u + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;

@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>; // [WIDTH / 4]
@group(0) @binding(6) var<storage, read> norm: array<vec4<f32>>; // [WIDTH / 4]
@group(0) @binding(7) var<storage, read_write> normed: array<vec4<f32>>; // [WIDTH / 4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) index: u32) {
  var values: array<vec4<f32>, VECTORS>;
  var sum = 0.0;
  for (var v = 0u; v < VECTORS; v++) {
    let i = index + v * WORKGROUP_SIZE;
    if (i < WIDTH / 4u) {
      values[v] = combined(0u, i);
      out[i] = values[v];
      sum += dot(values[v], values[v]);
    }
  }
  let sums = reduce_lanes(array(sum), index);
  let factor = 1.0 / sqrt(sums[0] / f32(WIDTH) + EPS);
  for (var v = 0u; v < VECTORS; v++) {
    let i = index + v * WORKGROUP_SIZE;
    if (i < WIDTH / 4u) {
      normed[i] = values[v] * factor * norm[i];
    }
  }
}
