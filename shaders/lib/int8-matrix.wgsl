// product-matrix.wgsl on int8 activations, a block at a time: one half of the workgroup decodes the tile's matrix rows,
// the other rounds its rows of x.
const TILE_UNITS: u32 = TILE_OUTPUTS / MATRICES;
const SIDE: u32 = 8u;
const OUTPUTS: u32 = TILE_OUTPUTS / SIDE;
const UNITS: u32 = TILE_UNITS / SIDE;
const INPUTS: u32 = TILE_ROWS / SIDE;
const HALF: u32 = WORKGROUP_SIZE / 2u;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, cols / 4]

var<workgroup> tile_weights: array<WeightBlock, TILE_OUTPUTS>;
var<workgroup> tile_inputs: array<InputBlock, TILE_ROWS>;

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
  for (var span = 0u; span < ROW_SPANS; span++) {
    if (index < HALF) {
      for (var output = index; output < TILE_OUTPUTS; output += HALF) {
        // What lies beyond the matrix is computed from its last row and not written.
        let unit = min(first_unit + output % TILE_UNITS, MATRIX_ROWS - 1u);
        tile_weights[output] = load_codes(unit_row(item, unit, output / TILE_UNITS), span);
      }
    } else {
      for (var row = index - HALF; row < count; row += HALF) {
        tile_inputs[row] = quantize(input_row(item, row) * ROW_VECTORS + span * BLOCK_WORDS);
      }
    }
    workgroupBarrier();
    for (var t = 0u; t < INPUTS; t++) {
      if (t * SIDE < count) {
        let input = tile_inputs[t * SIDE + line];
        for (var o = 0u; o < OUTPUTS; o++) {
          sums[t * OUTPUTS + o] += block_product(tile_weights[o * SIDE + column], input);
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
