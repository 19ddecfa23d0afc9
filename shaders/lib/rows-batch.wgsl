// A matrix times all rows of the batch, TILE_ROWS at a time.
fn tile_count(tile: u32) -> u32 {
  return min(TILE_ROWS, batch.rows - tile * TILE_ROWS);
}
