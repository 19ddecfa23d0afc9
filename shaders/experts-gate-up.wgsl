// out = silu(gate · x) ⊙ (up · x) of each work item's expert on its entries. Records lie SLOTS_PER_PIECE to a
// piece; gate and up have the same type and shape, and a unit is a row of each.
const ABSENT: u32 = 0xffffffffu;
const MATRICES: u32 = 2u;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows · EXPERTS_PER_TOKEN, MATRIX_ROWS]

fn has_work(item: u32) -> bool {
  return work_slot(item) != ABSENT;
}

fn input_row(item: u32, t: u32) -> u32 {
  return work_entry(item, t) / EXPERTS_PER_TOKEN;
}

fn unit_row(item: u32, unit: u32, matrix: u32) -> MatrixRow {
  let slot = work_slot(item);
  let record = (slot % SLOTS_PER_PIECE) * RECORD_BYTES;
  return matrix_row(slot / SLOTS_PER_PIECE, record + select(UP_OFFSET, GATE_OFFSET, matrix == 0u), unit);
}

fn finish(item: u32, t: u32, unit: u32, results: array<f32, MATRICES>) {
  out[work_entry(item, t) * MATRIX_ROWS + unit] = silu(results[0]) * results[1];
}
