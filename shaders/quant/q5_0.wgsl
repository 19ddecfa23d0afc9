// Blocks of 32 five-bit values, offset by 16, and one f16 scale; one block a span. Nibbles as in Q4_0, the fifth bits
// in a word.
fn scaled(word: u32, shift: u32, fifths: vec4<u32>, d: f32) -> vec4<f32> {
  return d * (vec4<f32>(byte_bits(word, shift, 15u) | fifths) - 16.0);
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let high = load_word(row.piece, row.planes.y + 4u * span);
  let d = load_half(row.piece, row.planes.z + 2u * span);
  return Span(
    scaled(words.x, 0u, fifth_bits(high, 0u), d), scaled(words.y, 0u, fifth_bits(high, 4u), d),
    scaled(words.z, 0u, fifth_bits(high, 8u), d), scaled(words.w, 0u, fifth_bits(high, 12u), d),
    scaled(words.x, 4u, fifth_bits(high, 16u), d), scaled(words.y, 4u, fifth_bits(high, 20u), d),
    scaled(words.z, 4u, fifth_bits(high, 24u), d), scaled(words.w, 4u, fifth_bits(high, 28u), d),
  );
}
