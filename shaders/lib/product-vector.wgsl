// A matrix times one row of x, the product of decode. LANES neighbouring invocations are a team of UNITS units, each
// of MATRICES matrix rows: lane l adds spans l, l + LANES, … in that order, then the lanes' sums are added as a tree.
// What a lane reads of x serves all rows of its team.
const OUTPUTS: u32 = UNITS * MATRICES;
const VALUES: u32 = OUTPUTS + INPUT_VALUES;

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
  let tile = group.y * groups.x + group.x;
  let first_unit = (tile * (WORKGROUP_SIZE / LANES) + index / LANES) * UNITS;
  // What lies beyond the matrix is computed from its last row and not written.
  var rows: array<MatrixRow, OUTPUTS>;
  for (var o = 0u; o < OUTPUTS; o++) {
    rows[o] = unit_row(item, min(first_unit + o / MATRICES, MATRIX_ROWS - 1u), o % MATRICES);
  }
  let input = input_row(item, 0u) * ROW_VECTORS;
  var sums: array<f32, VALUES>;
  for (var span = index % LANES; span < ROW_SPANS; span += LANES) {
    var values: Span;
    for (var v = 0u; v < SPAN_VECTORS; v++) {
      let at = span_vector(span, v);
      let value = x[input + at];
      if (INPUT_VALUES > 0u) {
        sums[VALUES - 1u] += dot(value, value);
      }
      values[v] = weighed(at, value);
    }
    for (var o = 0u; o < OUTPUTS; o++) {
      var weights = load_span(rows[o], span);
      var sum = 0.0;
      for (var v = 0u; v < SPAN_VECTORS; v++) {
        sum += dot(weights[v], values[v]);
      }
      sums[o] += sum;
    }
  }
  sums = reduce_lanes(sums, index);
  let factor = input_factor(sums[VALUES - 1u]);
  if (tile == 0u) {
    keep_input(input, factor, index);
  }
  for (var u = 0u; u < UNITS; u++) {
    if (u % LANES == index % LANES && first_unit + u < MATRIX_ROWS) {
      var results: array<f32, MATRICES>;
      for (var m = 0u; m < MATRICES; m++) {
        results[m] = factor * sums[u * MATRICES + m];
      }
      finish(item, 0u, first_unit + u, results);
    }
  }
}
