// 8 elements a span, no scale.
fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  return Span(
    vec4<f32>(halves_to_floats(words.x), halves_to_floats(words.y)),
    vec4<f32>(halves_to_floats(words.z), halves_to_floats(words.w)),
  );
}
