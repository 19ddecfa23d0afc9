// Blocks of 256 six-bit values, offset by 32, and one f16 scale, which a signed byte of 16 elements multiplies.
// Element 128n + 32k + l has its low four bits in nibble k / 2 of byte 64n + 32(k % 2) + l and its high two in bits
// 2k of byte 32n + l of `high`. A span is 16 bytes of nibbles, so two runs of 16 elements, 64 apart.
fn span_vector(span: u32, v: u32) -> u32 {
  return span / 4u * 32u + span % 4u * 4u + v / 4u * 16u + v % 4u;
}

fn scaled(word: u32, shift: u32, high: u32, high_shift: u32, d: f32) -> vec4<f32> {
  let q = byte_bits(word, shift, 15u) | (byte_bits(high, high_shift, 3u) << vec4<u32>(4u));
  return d * (vec4<f32>(q) - 32.0);
}

fn signed_byte(piece: u32, address: u32) -> f32 {
  return f32(bitcast<i32>(load_byte(piece, address) << 24u) >> 24u);
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let block = span / 8u;
  let n = span % 8u / 4u;
  let k = span % 4u / 2u;
  let high = load_words(row.piece, row.planes.y + 64u * block + 32u * n + 16u * (span % 2u));
  let scales = row.planes.z + 16u * block + 8u * n + span % 4u;
  let unit = load_half(row.piece, row.planes.w + 2u * block);
  let a = unit * signed_byte(row.piece, scales);
  let b = unit * signed_byte(row.piece, scales + 4u);
  return Span(
    scaled(words.x, 0u, high.x, 2u * k, a), scaled(words.y, 0u, high.y, 2u * k, a),
    scaled(words.z, 0u, high.z, 2u * k, a), scaled(words.w, 0u, high.w, 2u * k, a),
    scaled(words.x, 4u, high.x, 2u * k + 4u, b), scaled(words.y, 4u, high.y, 2u * k + 4u, b),
    scaled(words.z, 4u, high.z, 2u * k + 4u, b), scaled(words.w, 4u, high.w, 2u * k + 4u, b),
  );
}
