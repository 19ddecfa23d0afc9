// All rows of the batch, TILE_ROWS to a work item.
fn work_count(item: u32) -> u32 {
  return min(TILE_ROWS, batch.rows - item * TILE_ROWS);
}
