// Blocks of 32 signed bytes and one f16 scale; 16 elements a span, half a block.
fn signed_bytes(word: u32) -> vec4<f32> {
  let raised = bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u));
  return vec4<f32>(raised >> vec4<u32>(24u));
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let d = load_half(row.piece, row.planes.y + 2u * (span / 2u));
  return Span(
    d * signed_bytes(words.x), d * signed_bytes(words.y),
    d * signed_bytes(words.z), d * signed_bytes(words.w),
  );
}
