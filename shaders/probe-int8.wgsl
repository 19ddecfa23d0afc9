// Does the language have products of packed bytes, and do they keep signs?
@group(0) @binding(1) var<storage, read> words: array<u32>; // [WORKGROUP_SIZE] four signed bytes each
@group(0) @binding(2) var<storage, read_write> out: array<i32>; // [WORKGROUP_SIZE]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) index: u32) {
  let packed = pack4xI8(unpack4xI8(words[index]));
  out[index] = dot4I8Packed(packed, words[WORKGROUP_SIZE - 1u - index]);
}
