// Blocks of 32 signed bytes and one f16 scale; 16 elements a span, half a block.
const SPAN_VECTORS: u32 = 4u;

fn signed_bytes(word: u32) -> vec4<f32> {
  let raised = bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u));
  return vec4<f32>(raised >> vec4<u32>(24u));
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.quants + span);
  return Span(
    load_scale(row.piece, row.scales + span / 2u),
    array(signed_bytes(words.x), signed_bytes(words.y), signed_bytes(words.z), signed_bytes(words.w)),
  );
}
