// out = Σ_chunk mixture / Σ_chunk sum, each brought to the highest score of all, chunks ascending. One workgroup a
// head of the one row.
@group(0) @binding(1) var<storage, read> mixtures: array<f32>; // [chunks, HEAD_COUNT, HEAD_DIM] times their sums
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [HEAD_COUNT, HEAD_DIM]
@group(0) @binding(4) var<storage, read> softmaxes: array<vec2<f32>>; // [chunks, HEAD_COUNT] highest score, sum

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let head = group.x;
  let chunks = batch.position / CHUNK + 1u;
  var highest = softmaxes[head].x;
  for (var chunk = 1u; chunk < chunks; chunk++) {
    highest = max(highest, softmaxes[chunk * HEAD_COUNT + head].x);
  }
  for (var dim = index; dim < HEAD_DIM; dim += WORKGROUP_SIZE) {
    var mixed = 0.0;
    var sum = 0.0;
    for (var chunk = 0u; chunk < chunks; chunk++) {
      let at = chunk * HEAD_COUNT + head;
      let weight = exp(softmaxes[at].x - highest);
      mixed += weight * mixtures[at * HEAD_DIM + dim];
      sum += weight * softmaxes[at].y;
    }
    out[head * HEAD_DIM + dim] = mixed / sum;
  }
}
