// A packed matrix [rows, cols] as the kernels see it: planes of quants and scales, addressed in units of 16 bytes
// and of one f16. A decoder reads it by spans: the elements that one 16-byte load brings.
struct MatrixRow {
  piece: u32,
  // First span of the row; first scale of the row.
  quants: u32,
  scales: u32,
}

struct Span {
  scale: f32,
  values: array<vec4<f32>, SPAN_VECTORS>,
}

// `base`: where the matrix starts in its piece, in 16-byte units.
fn matrix_row(piece: u32, base: u32, row: u32) -> MatrixRow {
  return MatrixRow(piece, base + row * ROW_SPANS, base * 8u + SCALES_OFFSET + row * ROW_SCALES);
}

fn load_scale(piece: u32, index: u32) -> f32 {
  let word = load_words(piece, index / 8u)[(index / 2u) % 4u];
  return half_to_float((word >> (16u * (index % 2u))) & 0xffffu);
}
