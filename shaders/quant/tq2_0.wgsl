// Blocks of 256 ternary digits of two bits each and one f16 scale: 0, 1 and 2 are −d, 0 and d. A span is 8 bytes.
fn scaled(word: u32, shift: u32, d: f32) -> vec4<f32> {
  return d * (vec4<f32>(byte_bits(word, shift, 3u)) - 1.0);
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = vec2<u32>(
    load_word(row.piece, row.planes.x + 8u * span),
    load_word(row.piece, row.planes.x + 8u * span + 4u),
  );
  let d = load_half(row.piece, row.planes.y + 2u * (span / 8u));
  return Span(
    scaled(words.x, 0u, d), scaled(words.y, 0u, d),
    scaled(words.x, 2u, d), scaled(words.y, 2u, d),
    scaled(words.x, 4u, d), scaled(words.y, 4u, d),
    scaled(words.x, 6u, d), scaled(words.y, 6u, d),
  );
}
