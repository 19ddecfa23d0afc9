// 4 elements a span, no scale.
const SPAN_VECTORS: u32 = 1u;

fn load_span(row: MatrixRow, span: u32) -> Span {
  return Span(1.0, array(bitcast<vec4<f32>>(load_words(row.piece, row.quants + span))));
}
