// out = [residual +] OUT_SCALE · (W · x [+ bias]) for the matrix rows that lie in this piece of W.
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, OUT_WIDTH]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let team = (group.y * groups.x + group.x) * (WORKGROUP_SIZE / LANES) + index / LANES;
  let first_output = team * OUTPUTS;
  let first_row = group.z * TILE_ROWS;
  let count = tile_count(group.z);
  // What lies beyond the matrix or the batch is computed from the last valid row and not written.
  var rows: array<MatrixRow, OUTPUTS>;
  for (var o = 0u; o < OUTPUTS; o++) {
    rows[o] = matrix_row(0u, 0u, min(first_output + o, MATRIX_ROWS - 1u));
  }
  var inputs: array<u32, TILE_ROWS>;
  for (var t = 0u; t < TILE_ROWS; t++) {
    inputs[t] = first_row + min(t, count - 1u);
  }
  var sums = tile_dots(rows, inputs, index);
  for (var o = 0u; o < OUTPUTS; o++) {
    for (var t = 0u; t < TILE_ROWS; t++) {
      let mine = (o * TILE_ROWS + t) % LANES == index % LANES;
      if (mine && t < count && first_output + o < MATRIX_ROWS) {
        let output = OUT_OFFSET + first_output + o;
        let at = (first_row + t) * OUT_WIDTH + output;
        out[at] = with_residual(at, OUT_SCALE * with_bias(output, sums[o * TILE_ROWS + t]));
      }
    }
  }
}
