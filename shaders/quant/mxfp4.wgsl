// Blocks of 32 four-bit floats (sign, two bits of exponent, one of fraction) and a scale that is a power of two, of
// which a byte is the biased exponent; one block a span. Nibbles as in Q4_0. The floats are doubled to be integers,
// so that the scale is 2^(e − 128). It may be subnormal while its products are not, hence in two steps.
fn scaled(word: u32, shift: u32, powers: vec2<f32>) -> vec4<f32> {
  let q = byte_bits(word, shift, 15u);
  // Nibble i of the word is the magnitude of i.
  let magnitude = vec4<i32>((vec4<u32>(0xc8643210u) >> (4u * (q & vec4<u32>(7u)))) & vec4<u32>(15u));
  return vec4<f32>(select(magnitude, -magnitude, q >= vec4<u32>(8u))) * powers.x * powers.y;
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let e = load_byte(row.piece, row.planes.y + span);
  // 2^(e / 2 − 64) twice, the odd power in the second.
  let powers = bitcast<vec2<f32>>((vec2<u32>(e / 2u, e - e / 2u) + 63u) << vec2<u32>(23u));
  return Span(
    scaled(words.x, 0u, powers), scaled(words.y, 0u, powers),
    scaled(words.z, 0u, powers), scaled(words.w, 0u, powers),
    scaled(words.x, 4u, powers), scaled(words.y, 4u, powers),
    scaled(words.z, 4u, powers), scaled(words.w, 4u, powers),
  );
}
