// A packed matrix [rows, cols] as the kernels see it: up to four planes, addressed in bytes. A decoder reads a row by
// spans, what one lane reads at a time: `load_span` gives SPAN_VECTORS times four elements, and `span_vector` says
// which four of the row each vector is.
const ROW_VECTORS: u32 = ROW_SPANS * SPAN_VECTORS;

alias Span = array<vec4<f32>, SPAN_VECTORS>;

struct MatrixRow {
  piece: u32,
  // Where the row starts in each plane.
  planes: vec4<u32>,
}

// `base`: where the matrix starts in its piece.
fn matrix_row(piece: u32, base: u32, row: u32) -> MatrixRow {
  return MatrixRow(piece, base + PLANE_OFFSETS + row * PLANE_ROW_BYTES);
}

fn load_byte(piece: u32, address: u32) -> u32 {
  return (load_word(piece, address) >> (8u * (address % 4u))) & 0xffu;
}

fn load_half(piece: u32, address: u32) -> f32 {
  return half_to_float((load_word(piece, address) >> (8u * (address % 4u))) & 0xffffu);
}

// Two halves of one word.
fn load_halves(piece: u32, address: u32) -> vec2<f32> {
  return halves_to_floats(load_word(piece, address));
}

// The bits at `shift` of each of a word's bytes.
fn byte_bits(word: u32, shift: u32, mask: u32) -> vec4<u32> {
  return (vec4<u32>(word) >> (vec4<u32>(0u, 8u, 16u, 24u) + shift)) & vec4<u32>(mask);
}
