// Blocks of 32 four-bit values, offset by 8, and one f16 scale; one block a span. Byte j holds element j in its
// low nibble and element j + 16 in its high one.
const SPAN_VECTORS: u32 = 8u;

fn nibbles(word: u32, shift: u32) -> vec4<f32> {
  return vec4<f32>((vec4<u32>(word) >> (vec4<u32>(0u, 8u, 16u, 24u) + shift)) & vec4<u32>(15u)) - 8.0;
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.quants + span);
  return Span(
    load_scale(row.piece, row.scales + span),
    array(
      nibbles(words.x, 0u), nibbles(words.y, 0u), nibbles(words.z, 0u), nibbles(words.w, 0u),
      nibbles(words.x, 4u), nibbles(words.y, 4u), nibbles(words.z, 4u), nibbles(words.w, 4u),
    ),
  );
}
