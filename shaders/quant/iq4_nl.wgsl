// Blocks of 32 four-bit numbers of levels and one f16 scale; one block a span. Nibbles as in Q4_0.
fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let d = load_half(row.piece, row.planes.y + 2u * span);
  return Span(
    d * levels(words.x, 0u), d * levels(words.y, 0u),
    d * levels(words.z, 0u), d * levels(words.w, 0u),
    d * levels(words.x, 4u), d * levels(words.y, 4u),
    d * levels(words.z, 4u), d * levels(words.w, 4u),
  );
}
