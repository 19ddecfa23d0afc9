// out = [residual +] OUT_SCALE · (W · x [+ bias]) for the matrix rows that lie in this piece of W. A work item is a
// tile of the batch's rows.
const MATRICES: u32 = 1u;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, OUT_WIDTH]

fn has_work(item: u32) -> bool {
  return true;
}

fn input_row(item: u32, t: u32) -> u32 {
  return item * TILE_ROWS + t;
}

fn unit_row(item: u32, unit: u32, matrix: u32) -> MatrixRow {
  return matrix_row(0u, 0u, unit);
}

fn finish(item: u32, t: u32, unit: u32, results: array<f32, MATRICES>) {
  let output = OUT_OFFSET + unit;
  let at = input_row(item, t) * OUT_WIDTH + output;
  out[at] = with_residual(at, OUT_SCALE * with_bias(output, results[0]));
}
