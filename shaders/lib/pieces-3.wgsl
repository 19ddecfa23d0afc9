// Quantised weights cut into 3 buffers, since none may exceed the binding limit.
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element
@group(0) @binding(9) var<storage, read> weights_1: array<vec4<u32>>; // packed matrices, 16 bytes an element
@group(0) @binding(10) var<storage, read> weights_2: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, index: u32) -> vec4<u32> {
  switch piece {
    case 1u: { return weights_1[index]; }
    case 2u: { return weights_2[index]; }
    default: { return weights_0[index]; }
  }
}
