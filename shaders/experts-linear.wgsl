// out = W · x of each work item's expert, every entry into a row of its own; ENTRIES_PER_INPUT entries share a row of
// x. Records lie SLOTS_PER_PIECE to a piece.
const ABSENT: u32 = 0xffffffffu;
const MATRICES: u32 = 1u;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [entries, MATRIX_ROWS]

fn has_work(item: u32) -> bool {
  return work_slot(item) != ABSENT;
}

fn input_row(item: u32, t: u32) -> u32 {
  return work_entry(item, t) / ENTRIES_PER_INPUT;
}

fn unit_row(item: u32, unit: u32, matrix: u32) -> MatrixRow {
  let slot = work_slot(item);
  return matrix_row(slot / SLOTS_PER_PIECE, (slot % SLOTS_PER_PIECE) * RECORD_BYTES + MATRIX_OFFSET, unit);
}

fn finish(item: u32, t: u32, unit: u32, results: array<f32, MATRICES>) {
  let at = work_entry(item, t) * MATRIX_ROWS + unit;
  out[at] = gated(at, results[0]);
}
