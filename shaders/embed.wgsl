// out = OUT_SCALE · row of the embedding matrix for each token id that lies in this piece of the matrix.
@group(0) @binding(1) var<storage, read> tokens: array<u32>; // [rows]
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>; // [rows, hiddenSize / 4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let row = group.x;
  let token = tokens[row];
  if (token < FIRST_ROW || token - FIRST_ROW >= MATRIX_ROWS) {
    return;
  }
  let source = matrix_row(0u, 0u, token - FIRST_ROW);
  for (var span = index; span < ROW_SPANS; span += WORKGROUP_SIZE) {
    var values = load_span(source, span);
    for (var v = 0u; v < SPAN_VECTORS; v++) {
      out[row * ROW_VECTORS + span_vector(span, v)] = OUT_SCALE * values[v];
    }
  }
}
