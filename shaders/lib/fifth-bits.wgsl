// The fifth bits of elements `first` … `first` + 3 of a block, in place.
fn fifth_bits(word: u32, first: u32) -> vec4<u32> {
  return ((vec4<u32>(word) >> (vec4<u32>(0u, 1u, 2u, 3u) + first)) & vec4<u32>(1u)) << vec4<u32>(4u);
}
