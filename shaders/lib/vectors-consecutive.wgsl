// A span's vectors are neighbours in the row.
fn span_vector(span: u32, v: u32) -> u32 {
  return span * SPAN_VECTORS + v;
}
