// The best KEPT candidates of each CHUNK of the vocabulary.
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [VOCAB_SIZE]
@group(0) @binding(2) var<storage, read_write> out: array<vec2<u32>>; // [chunks, KEPT] logit bits, id

fn candidate_logit(i: u32) -> f32 {
  return logits[i];
}

fn candidate_id(i: u32) -> u32 {
  return i;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let first = group.x * CHUNK;
  keep_best(first, min(first + CHUNK, VOCAB_SIZE), index);
  if (index < KEPT) {
    out[group.x * KEPT + index] = vec2<u32>(bitcast<u32>(sorted_logits[index]), sorted_ids[index]);
  }
}
