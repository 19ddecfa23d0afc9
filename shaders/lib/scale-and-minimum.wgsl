// Q4_K and Q5_K: d · scale and dmin · minimum of group `i` of 8, whose six bits each lie in 12 bytes: those of the
// first four groups in bytes of their own, i and i + 4; the others' low nibbles in byte i + 4, their high bits above
// those of the first four.
fn scale_and_minimum(piece: u32, address: u32, i: u32, units: vec2<f32>) -> vec2<f32> {
  let shift = 8u * (i % 4u);
  let first = vec2<u32>(load_word(piece, address), load_word(piece, address + 4u)) >> vec2<u32>(shift);
  let nibbles = vec2<u32>(load_word(piece, address + 8u)) >> vec2<u32>(shift, shift + 4u);
  let later = (nibbles & vec2<u32>(15u)) | ((first >> vec2<u32>(2u)) & vec2<u32>(48u));
  return units * vec2<f32>(select(later, first & vec2<u32>(63u), i < 4u));
}
