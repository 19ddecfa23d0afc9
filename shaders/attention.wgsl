// out = softmax(q · k · SCALE) · v over positions up to the row's own, one workgroup a (head, row, chunk of positions).
// Keys go by in runs of WORKGROUP_SIZE with a running maximum and sum (online softmax, arXiv 1805.02867), so any
// context length fits. Runs and chunks start at the same positions whatever the batch, so a row's bits depend on
// nothing but its own history.
const DIMS: u32 = (HEAD_DIM + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
const LOWEST: f32 = -3.0e38;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, HEAD_COUNT HEAD_DIM]

var<workgroup> query: array<vec4<f32>, HEAD_DIM / 4u>;
var<workgroup> scores: array<f32, WORKGROUP_SIZE>;
var<workgroup> weights: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let head_index = group.x;
  let row = group.y;
  let kv_head = head_index / (HEAD_COUNT / KV_HEAD_COUNT);
  let length = batch.position + row + 1u;
  let end = chunk_end(group.z, length);
  load_query(row, head_index, end == length, index);
  workgroupBarrier();

  var highest = LOWEST;
  var sum = 0.0;
  var mixed: array<f32, DIMS>;
  for (var start = chunk_start(group.z); start < end; start += WORKGROUP_SIZE) {
    let count = min(WORKGROUP_SIZE, end - start);
    var score = LOWEST;
    if (index < count) {
      score = score_of(start + index, kv_head);
    }
    scores[index] = score;
    workgroupBarrier();
    let before = highest;
    for (var i = 0u; i < count; i++) {
      highest = max(highest, scores[i]);
    }
    weights[index] = select(0.0, exp(score - highest), index < count);
    workgroupBarrier();
    let kept = select(exp(before - highest), 0.0, before == LOWEST);
    sum *= kept;
    for (var d = 0u; d < DIMS; d++) {
      mixed[d] *= kept;
    }
    for (var i = 0u; i < count; i++) {
      let weight = weights[i];
      sum += weight;
      for (var d = 0u; d < DIMS; d++) {
        mixed[d] += weight * value_of(start + i, kv_head, min(index + d * WORKGROUP_SIZE, HEAD_DIM - 1u));
      }
    }
  }
  for (var d = 0u; d < DIMS; d++) {
    let dim = index + d * WORKGROUP_SIZE;
    if (dim < HEAD_DIM) {
      finish(row * HEAD_COUNT + head_index, group.z, length, dim, mixed[d], vec2<f32>(highest, sum));
    }
  }
}
