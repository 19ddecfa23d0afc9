// 8 elements a span, no scale.
const SPAN_VECTORS: u32 = 2u;

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.quants + span);
  return Span(1.0, array(
    vec4<f32>(halves_to_floats(words.x), halves_to_floats(words.y)),
    vec4<f32>(halves_to_floats(words.z), halves_to_floats(words.w)),
  ));
}
