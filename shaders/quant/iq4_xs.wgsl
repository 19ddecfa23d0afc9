// Blocks of 256 four-bit numbers of levels and one f16 scale; each 32 are laid out as in IQ4_NL, and have a six-bit
// scale, less 32: its low four bits in nibble i of a word, its high two above the f16. A span is such a group.
fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let header = row.planes.y + 8u * (span / 8u);
  let group = span % 8u;
  let units = load_word(row.piece, header);
  let low = (load_word(row.piece, header + 4u) >> (4u * group)) & 15u;
  let high = (units >> (16u + 2u * group)) & 3u;
  let d = half_to_float(units & 0xffffu) * (f32(low | (high << 4u)) - 32.0);
  return Span(
    d * levels(words.x, 0u), d * levels(words.y, 0u),
    d * levels(words.z, 0u), d * levels(words.w, 0u),
    d * levels(words.x, 4u), d * levels(words.y, 4u),
    d * levels(words.z, 4u), d * levels(words.w, 4u),
  );
}
