// Quantised weights in one buffer.
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, index: u32) -> vec4<u32> {
  return weights_0[index];
}
