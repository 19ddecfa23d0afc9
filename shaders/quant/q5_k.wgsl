// Q4_K with a fifth bit: bit i of byte l of `high` belongs to element 32i + l.
fn scaled(word: u32, shift: u32, high: u32, group: u32, units: vec2<f32>) -> vec4<f32> {
  let q = byte_bits(word, shift, 15u) | (byte_bits(high, group, 1u) << vec4<u32>(4u));
  return units.x * vec4<f32>(q) - units.y;
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let block = span / 8u;
  let high = load_words(row.piece, row.planes.y + 32u * block + 16u * (span % 2u));
  let g = span % 8u / 2u * 2u;
  let dm = load_halves(row.piece, row.planes.w + 4u * block);
  let a = scale_and_minimum(row.piece, row.planes.z + 12u * block, g, dm);
  let b = scale_and_minimum(row.piece, row.planes.z + 12u * block, g + 1u, dm);
  return Span(
    scaled(words.x, 0u, high.x, g, a), scaled(words.y, 0u, high.y, g, a),
    scaled(words.z, 0u, high.z, g, a), scaled(words.w, 0u, high.w, g, a),
    scaled(words.x, 4u, high.x, g + 1u, b), scaled(words.y, 4u, high.y, g + 1u, b),
    scaled(words.z, 4u, high.z, g + 1u, b), scaled(words.w, 4u, high.w, g + 1u, b),
  );
}
