// Quantised weights in one buffer.
// Addresses are in bytes, of the 16 (the 4) that lie around them.
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, address: u32) -> vec4<u32> {
  return weights_0[address / 16u];
}

fn load_word(piece: u32, address: u32) -> u32 {
  return weights_0[address / 16u][(address / 4u) % 4u];
}
