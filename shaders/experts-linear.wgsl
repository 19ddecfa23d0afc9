// out = W · x of each work item's expert, every entry into a row of its own; ENTRIES_PER_INPUT entries share a row of
// x. Records lie SLOTS_PER_PIECE to a piece.
const ABSENT: u32 = 0xffffffffu;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [entries, MATRIX_ROWS]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let first_output = (group.x * (WORKGROUP_SIZE / LANES) + index / LANES) * OUTPUTS;
  let item = group.y;
  let slot = work_slot(item);
  if (slot == ABSENT) {
    return;
  }
  let piece = slot / SLOTS_PER_PIECE;
  let base = (slot % SLOTS_PER_PIECE) * RECORD_BYTES + MATRIX_OFFSET;
  var rows: array<MatrixRow, OUTPUTS>;
  for (var o = 0u; o < OUTPUTS; o++) {
    rows[o] = matrix_row(piece, base, min(first_output + o, MATRIX_ROWS - 1u));
  }
  var inputs: array<u32, TILE_ROWS>;
  for (var t = 0u; t < TILE_ROWS; t++) {
    inputs[t] = work_entry(item, t) / ENTRIES_PER_INPUT;
  }
  var sums = tile_dots(rows, inputs, index);
  for (var o = 0u; o < OUTPUTS; o++) {
    for (var t = 0u; t < TILE_ROWS; t++) {
      let mine = (o * TILE_ROWS + t) % LANES == index % LANES;
      if (mine && t < work_count(item) && first_output + o < MATRIX_ROWS) {
        let at = work_entry(item, t) * MATRIX_ROWS + first_output + o;
        out[at] = gated(at, sums[o * TILE_ROWS + t]);
      }
    }
  }
}
