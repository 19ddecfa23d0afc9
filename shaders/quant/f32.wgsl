// 4 elements a span, no scale.
fn load_span(row: MatrixRow, span: u32) -> Span {
  return Span(bitcast<vec4<f32>>(load_words(row.piece, row.planes.x + 16u * span)));
}
