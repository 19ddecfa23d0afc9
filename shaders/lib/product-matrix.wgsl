// A matrix times many rows of x, the product of prefill. A workgroup makes a tile of TILE_OUTPUTS matrix rows by up to
// TILE_ROWS rows of x: it goes along them in steps of STEP_SPANS spans, which it decodes once into workgroup memory.
// An invocation sums every eighth matrix row by every eighth row of x, each along the row from its start, whatever
// lies beside it. Units of MATRICES matrix rows stay in one invocation.
const TILE_UNITS: u32 = TILE_OUTPUTS / MATRICES;
const SIDE: u32 = 8u;
const OUTPUTS: u32 = TILE_OUTPUTS / SIDE;
const UNITS: u32 = TILE_UNITS / SIDE;
const INPUTS: u32 = TILE_ROWS / SIDE;
const STEP_VECTORS: u32 = STEP_SPANS * SPAN_VECTORS;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, cols / 4]

var<workgroup> tile_weights: array<vec4<f32>, STEP_VECTORS * TILE_OUTPUTS>;
var<workgroup> tile_inputs: array<vec4<f32>, STEP_VECTORS * TILE_ROWS>;

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
  let count = work_count(item);
  let first_unit = (group.y * groups.x + group.x) * TILE_UNITS;
  let column = index % SIDE;
  let line = index / SIDE;
  var sums: array<f32, OUTPUTS * INPUTS>;
  for (var start = 0u; start < ROW_SPANS; start += STEP_SPANS) {
    // A bound that compilers do not know: with the loop over vectors unrolled, some take three times as long.
    let spans = min(STEP_SPANS, ROW_SPANS - start);
    for (var i = index; i < TILE_OUTPUTS * STEP_SPANS; i += WORKGROUP_SIZE) {
      let output = i / STEP_SPANS;
      let span = i % STEP_SPANS;
      if (span >= spans) {
        continue;
      }
      // What lies beyond the matrix is computed from its last row and not written.
      let unit = min(first_unit + output % TILE_UNITS, MATRIX_ROWS - 1u);
      var weights = load_span(unit_row(item, unit, output / TILE_UNITS), start + span);
      for (var v = 0u; v < SPAN_VECTORS; v++) {
        tile_weights[(span * SPAN_VECTORS + v) * TILE_OUTPUTS + output] = weights[v];
      }
    }
    for (var i = index; i < count * STEP_VECTORS; i += WORKGROUP_SIZE) {
      let span = start + i % STEP_VECTORS / SPAN_VECTORS;
      let at = span_vector(min(span, ROW_SPANS - 1u), i % SPAN_VECTORS);
      let row = i / STEP_VECTORS;
      tile_inputs[i % STEP_VECTORS * TILE_ROWS + row] = x[input_row(item, row) * ROW_VECTORS + at];
    }
    workgroupBarrier();
    for (var v = 0u; v < spans * SPAN_VECTORS; v++) {
      var weights: array<vec4<f32>, OUTPUTS>;
      for (var o = 0u; o < OUTPUTS; o++) {
        weights[o] = tile_weights[v * TILE_OUTPUTS + o * SIDE + column];
      }
      for (var t = 0u; t < INPUTS; t++) {
        if (t * SIDE < count) {
          let value = tile_inputs[v * TILE_ROWS + t * SIDE + line];
          for (var o = 0u; o < OUTPUTS; o++) {
            sums[t * OUTPUTS + o] += dot(weights[o], value);
          }
        }
      }
    }
    workgroupBarrier();
  }
  for (var t = 0u; t < INPUTS; t++) {
    let row = t * SIDE + line;
    for (var u = 0u; u < UNITS; u++) {
      let unit = first_unit + u * SIDE + column;
      if (row < count && unit < MATRIX_ROWS) {
        var results: array<f32, MATRICES>;
        for (var m = 0u; m < MATRICES; m++) {
          results[m] = sums[t * OUTPUTS + m * UNITS + u];
        }
        finish(item, row, unit, results);
      }
    }
  }
}
