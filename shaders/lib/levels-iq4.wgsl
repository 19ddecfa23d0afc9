// The 16 uneven levels of IQ4_NL and IQ4_XS (ggml's `kvalues_iq4nl`), as signed bytes of four words: −127 −104 −83
// −65, −49 −35 −22 −10, 1 13 25 38, 53 69 89 113. Selected rather than looked up, since an array that is indexed by
// a quant would be copied to memory by every invocation.
fn levels(word: u32, shift: u32) -> vec4<f32> {
  let q = byte_bits(word, shift, 15u);
  let upper = (q & vec4<u32>(4u)) != vec4<u32>(0u);
  let negative = select(vec4<u32>(0xbfad9881u), vec4<u32>(0xf6eaddcfu), upper);
  let positive = select(vec4<u32>(0x26190d01u), vec4<u32>(0x71594535u), upper);
  let four = select(negative, positive, q >= vec4<u32>(8u));
  let raised = bitcast<vec4<i32>>(four << (24u - 8u * (q & vec4<u32>(3u))));
  return vec4<f32>(raised >> vec4<u32>(24u));
}
