// Blocks of 256 two-bit values with an f16 scale and an f16 minimum, which four bits each of 16 elements multiply:
// the low and the high nibble of a byte. A span is 8 bytes of values, so half of the elements of four groups.
fn scaled(word: u32, shift: u32, units: vec2<f32>) -> vec4<f32> {
  return units.x * vec4<f32>(byte_bits(word, shift, 3u)) - units.y;
}

// d · scale and dmin · minimum.
fn group_units(word: u32, shift: u32, dm: vec2<f32>) -> vec2<f32> {
  return dm * vec2<f32>((vec2<u32>(word) >> vec2<u32>(shift, shift + 4u)) & vec2<u32>(15u));
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = vec2<u32>(
    load_word(row.piece, row.planes.x + 8u * span),
    load_word(row.piece, row.planes.x + 8u * span + 4u),
  );
  let block = span / 8u;
  // Groups 8n + 2j + (span % 4) / 2 of the block, n = (span % 8) / 4.
  let groups = row.planes.y + 16u * block + 8u * (span % 8u / 4u);
  let first = load_word(row.piece, groups);
  let second = load_word(row.piece, groups + 4u);
  let shift = 8u * (span % 4u / 2u);
  let dm = load_halves(row.piece, row.planes.z + 4u * block);
  let a = group_units(first, shift, dm);
  let b = group_units(first, shift + 16u, dm);
  let c = group_units(second, shift, dm);
  let d = group_units(second, shift + 16u, dm);
  return Span(
    scaled(words.x, 0u, a), scaled(words.y, 0u, a),
    scaled(words.x, 2u, b), scaled(words.y, 2u, b),
    scaled(words.x, 4u, c), scaled(words.y, 4u, c),
    scaled(words.x, 6u, d), scaled(words.y, 6u, d),
  );
}
