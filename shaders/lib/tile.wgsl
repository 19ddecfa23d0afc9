// The inner product every matrix kernel is made of: OUTPUTS matrix rows by TILE_ROWS rows of x. LANES neighbouring
// invocations share one such tile; lane l adds spans l, l + LANES, … in that order, then the lanes' sums are added
// as a tree. A row's sum so never depends on the rows beside it.
const VALUES: u32 = OUTPUTS * TILE_ROWS;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, cols / 4]

// Returns [OUTPUTS, TILE_ROWS] in every lane; `inputs` are rows of x.
fn tile_dots(
  rows: array<MatrixRow, OUTPUTS>,
  inputs: array<u32, TILE_ROWS>,
  index: u32,
) -> array<f32, VALUES> {
  var matrix_rows = rows;
  var input_rows = inputs;
  var sums: array<f32, VALUES>;
  for (var span = index % LANES; span < ROW_SPANS; span += LANES) {
    for (var o = 0u; o < OUTPUTS; o++) {
      var weights = load_span(matrix_rows[o], span);
      for (var t = 0u; t < TILE_ROWS; t++) {
        var sum = 0.0;
        for (var v = 0u; v < SPAN_VECTORS; v++) {
          sum += dot(weights[v], x[input_rows[t] * ROW_VECTORS + span_vector(span, v)]);
        }
        sums[o * TILE_ROWS + t] += sum;
      }
    }
  }
  return reduce_lanes(sums, index);
}
