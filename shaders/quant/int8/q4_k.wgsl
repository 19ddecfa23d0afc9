// Group i of a block of 256 is in the low (i even) or high nibbles of 32 bytes, which it shares with a neighbour.
fn load_codes(row: MatrixRow, span: u32) -> WeightBlock {
  let shift = vec4<u32>(4u * (span % 2u));
  let bytes = row.planes.x + 32u * (span / 2u);
  let a = (load_words(row.piece, bytes) >> shift) & vec4<u32>(0x0f0f0f0fu);
  let b = (load_words(row.piece, bytes + 16u) >> shift) & vec4<u32>(0x0f0f0f0fu);
  let block = span / 8u;
  let dm = load_halves(row.piece, row.planes.z + 4u * block);
  let units = scale_and_minimum(row.piece, row.planes.y + 12u * block, span % 8u, dm);
  return WeightBlock(Codes(a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w), vec2<f32>(units.x, -units.y));
}
