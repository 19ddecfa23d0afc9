// Blocks of 32 four-bit values, offset by 8, and one f16 scale; one block a span. Byte j holds element j in its
// low nibble and element j + 16 in its high one.
fn scaled(word: u32, shift: u32, d: f32) -> vec4<f32> {
  return d * (vec4<f32>(byte_bits(word, shift, 15u)) - 8.0);
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let d = load_half(row.piece, row.planes.y + 2u * span);
  return Span(
    scaled(words.x, 0u, d), scaled(words.y, 0u, d),
    scaled(words.z, 0u, d), scaled(words.w, 0u, d),
    scaled(words.x, 4u, d), scaled(words.y, 4u, d),
    scaled(words.z, 4u, d), scaled(words.w, 4u, d),
  );
}
