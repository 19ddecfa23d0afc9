// Types that keep two bits of an element in 64 bytes a block: byte 32n + l has element 128n + 32j + l in its bits
// 2j. A span is 8 such bytes, so four runs of 8 elements, 32 apart.
fn span_vector(span: u32, v: u32) -> u32 {
  return span / 4u * 32u + span % 4u * 2u + v / 2u * 8u + v % 2u;
}
