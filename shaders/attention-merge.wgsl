// out = Σ_chunk mixture / Σ_chunk sum, each brought to the highest score of all, chunks ascending. One workgroup a
// head of the one row.
@group(0) @binding(1) var<storage, read> chunks: array<f32>; // [chunks, HEAD_COUNT, HEAD_DIM + 2] mixture times its sum, highest score, sum
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [HEAD_COUNT, HEAD_DIM]

fn chunk_at(chunk: u32, head_index: u32) -> u32 {
  return (chunk * HEAD_COUNT + head_index) * (HEAD_DIM + 2u);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let head_index = group.x;
  let count = batch.position / CHUNK + 1u;
  var highest = chunks[chunk_at(0u, head_index) + HEAD_DIM];
  for (var chunk = 1u; chunk < count; chunk++) {
    highest = max(highest, chunks[chunk_at(chunk, head_index) + HEAD_DIM]);
  }
  for (var dim = index; dim < HEAD_DIM; dim += WORKGROUP_SIZE) {
    var mixed = 0.0;
    var sum = 0.0;
    for (var chunk = 0u; chunk < count; chunk++) {
      let at = chunk_at(chunk, head_index);
      let weight = exp(chunks[at + HEAD_DIM] - highest);
      mixed += weight * chunks[at + dim];
      sum += weight * chunks[at + HEAD_DIM + 1u];
    }
    out[head_index * HEAD_DIM + dim] = mixed / sum;
  }
}
