// What the hardware makes of f16 numbers, subnormals above all.
@group(0) @binding(1) var<storage, read> words: array<u32>; // [WORKGROUP_SIZE] two f16 each
@group(0) @binding(2) var<storage, read_write> out: array<vec2<f32>>; // [WORKGROUP_SIZE]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) index: u32) {
  out[index] = halves_to_floats(words[index]);
}
