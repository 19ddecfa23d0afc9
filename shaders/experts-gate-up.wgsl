// out = silu(gate · x) ⊙ (up · x) of each work item's expert on its entries. Records lie SLOTS_PER_PIECE to a
// piece; gate and up have the same type and shape. OUTPUTS is 2: a hidden unit's gate row and up row.
const ABSENT: u32 = 0xffffffffu;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows · EXPERTS_PER_TOKEN, MATRIX_ROWS]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let unit = group.x * (WORKGROUP_SIZE / LANES) + index / LANES;
  let item = group.y;
  let slot = work_slot(item);
  if (slot == ABSENT) {
    return;
  }
  let piece = slot / SLOTS_PER_PIECE;
  let record = (slot % SLOTS_PER_PIECE) * RECORD_BYTES;
  let row = min(unit, MATRIX_ROWS - 1u);
  var inputs: array<u32, TILE_ROWS>;
  for (var t = 0u; t < TILE_ROWS; t++) {
    inputs[t] = work_entry(item, t) / EXPERTS_PER_TOKEN;
  }
  var sums = tile_dots(
    array(matrix_row(piece, record + GATE_OFFSET, row), matrix_row(piece, record + UP_OFFSET, row)),
    inputs,
    index,
  );
  for (var t = 0u; t < TILE_ROWS; t++) {
    if (t % LANES == index % LANES && t < work_count(item) && unit < MATRIX_ROWS) {
      out[work_entry(item, t) * MATRIX_ROWS + unit] = silu(sums[t]) * sums[TILE_ROWS + t];
    }
  }
}
