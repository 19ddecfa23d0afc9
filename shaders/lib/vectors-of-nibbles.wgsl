// Q4_K and Q5_K: byte 32p + l of a block has element 64p + l in its low nibble and element 64p + 32 + l in its high
// one. A span is 16 such bytes, so two runs of 16 elements, 32 apart.
fn span_vector(span: u32, v: u32) -> u32 {
  return span / 2u * 16u + span % 2u * 4u + v / 4u * 8u + v % 4u;
}
