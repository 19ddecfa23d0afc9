// out = x / sqrt(mean(x²) + EPS) · weight, one workgroup a row.
const VALUES: u32 = 1u;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, WIDTH / 4]
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>; // [rows or 1, WIDTH / 4]
@group(0) @binding(4) var<storage, read> weight: array<vec4<f32>>; // [WIDTH / 4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let vectors = WIDTH / 4u;
  let source = source_row(group.x) * vectors;
  var sum = 0.0;
  for (var i = index; i < vectors; i += WORKGROUP_SIZE) {
    let value = x[source + i];
    sum += dot(value, value);
  }
  let sums = reduce_lanes(array(sum), index);
  let factor = 1.0 / sqrt(sums[0] / f32(WIDTH) + EPS);
  for (var i = index; i < vectors; i += WORKGROUP_SIZE) {
    out[group.x * vectors + i] = x[source + i] * factor * weight[i];
  }
}
