// Blocks of 32 five-bit values with an f16 scale and an f16 that is added; one block a span. Bits as in Q5_0.
fn scaled(word: u32, shift: u32, fifths: vec4<u32>, dm: vec2<f32>) -> vec4<f32> {
  return dm.x * vec4<f32>(byte_bits(word, shift, 15u) | fifths) + dm.y;
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let high = load_word(row.piece, row.planes.y + 4u * span);
  let dm = load_halves(row.piece, row.planes.z + 4u * span);
  return Span(
    scaled(words.x, 0u, fifth_bits(high, 0u), dm), scaled(words.y, 0u, fifth_bits(high, 4u), dm),
    scaled(words.z, 0u, fifth_bits(high, 8u), dm), scaled(words.w, 0u, fifth_bits(high, 12u), dm),
    scaled(words.x, 4u, fifth_bits(high, 16u), dm), scaled(words.y, 4u, fifth_bits(high, 20u), dm),
    scaled(words.z, 4u, fifth_bits(high, 24u), dm), scaled(words.w, 4u, fifth_bits(high, 28u), dm),
  );
}
