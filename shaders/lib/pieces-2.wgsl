// Quantised weights cut into 2 buffers, since none may exceed the binding limit.
// Addresses are in bytes, of the 16 (the 4) that lie around them.
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element
@group(0) @binding(9) var<storage, read> weights_1: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, address: u32) -> vec4<u32> {
  switch piece {
    case 1u: { return weights_1[address / 16u]; }
    default: { return weights_0[address / 16u]; }
  }
}

fn load_word(piece: u32, address: u32) -> u32 {
  switch piece {
    case 1u: { return weights_1[address / 16u][(address / 4u) % 4u]; }
    default: { return weights_0[address / 16u][(address / 4u) % 4u]; }
  }
}
