// Blocks of 256 four-bit values with an f16 scale and an f16 minimum, which six bits each of 32 elements multiply. A
// span is 16 bytes of values, so half of the elements of two groups.
fn scaled(word: u32, shift: u32, units: vec2<f32>) -> vec4<f32> {
  return units.x * vec4<f32>(byte_bits(word, shift, 15u)) - units.y;
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let block = span / 8u;
  let group = span % 8u / 2u * 2u;
  let dm = load_halves(row.piece, row.planes.z + 4u * block);
  let a = scale_and_minimum(row.piece, row.planes.y + 12u * block, group, dm);
  let b = scale_and_minimum(row.piece, row.planes.y + 12u * block, group + 1u, dm);
  return Span(
    scaled(words.x, 0u, a), scaled(words.y, 0u, a),
    scaled(words.z, 0u, a), scaled(words.w, 0u, a),
    scaled(words.x, 4u, b), scaled(words.y, 4u, b),
    scaled(words.z, 4u, b), scaled(words.w, 4u, b),
  );
}
