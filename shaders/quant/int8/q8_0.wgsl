// The bytes are the codes.
fn load_codes(row: MatrixRow, span: u32) -> WeightBlock {
  let a = load_words(row.piece, row.planes.x + 32u * span);
  let b = load_words(row.piece, row.planes.x + 32u * span + 16u);
  let d = load_half(row.piece, row.planes.y + 2u * span);
  return WeightBlock(Codes(a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w), vec2<f32>(d, 0.0));
}
