// Nibbles are the codes, and what they are too large by is M.
fn load_codes(row: MatrixRow, span: u32) -> WeightBlock {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let low = words & vec4<u32>(0x0f0f0f0fu);
  let high = (words >> vec4<u32>(4u)) & vec4<u32>(0x0f0f0f0fu);
  let d = load_half(row.piece, row.planes.y + 2u * span);
  return WeightBlock(
    Codes(low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w),
    vec2<f32>(d, -8.0 * d),
  );
}
