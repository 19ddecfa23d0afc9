// 8 elements a span, no scale: a bfloat16 is the upper half of an f32.
fn widen(low: u32, high: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(low << 16u, low & 0xffff0000u, high << 16u, high & 0xffff0000u));
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  return Span(widen(words.x, words.y), widen(words.z, words.w));
}
