// product-vector.wgsl on int8 activations. Every team rounds the blocks of x that it reads: less work than one row of
// weights, and no dispatch of its own.
const OUTPUTS: u32 = UNITS * MATRICES;
const VALUES: u32 = OUTPUTS;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, cols / 4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let item = group.z;
  if (!has_work(item)) {
    return;
  }
  let first_unit = ((group.y * groups.x + group.x) * (WORKGROUP_SIZE / LANES) + index / LANES) * UNITS;
  // What lies beyond the matrix is computed from its last row and not written.
  var rows: array<MatrixRow, OUTPUTS>;
  for (var o = 0u; o < OUTPUTS; o++) {
    rows[o] = unit_row(item, min(first_unit + o / MATRICES, MATRIX_ROWS - 1u), o % MATRICES);
  }
  let source = input_row(item, 0u) * ROW_VECTORS;
  var sums: array<f32, VALUES>;
  for (var span = index % LANES; span < ROW_SPANS; span += LANES) {
    let input = quantize(source + span * BLOCK_WORDS);
    for (var o = 0u; o < OUTPUTS; o++) {
      sums[o] += block_product(load_codes(rows[o], span), input);
    }
  }
  sums = reduce_lanes(sums, index);
  for (var u = 0u; u < UNITS; u++) {
    if (u % LANES == index % LANES && first_unit + u < MATRIX_ROWS) {
      var results: array<f32, MATRICES>;
      for (var m = 0u; m < MATRICES; m++) {
        results[m] = sums[u * MATRICES + m];
      }
      finish(item, 0u, first_unit + u, results);
    }
  }
}
