// out = softmax(q · k · SCALE) · v over positions up to each row's own, one workgroup a (head, TILE_ROWS rows), which
// read a key and a value once for all of them. Keys go by in runs of WORKGROUP_SIZE with a running maximum and sum
// (online softmax, arXiv 1805.02867), so any context length fits. Runs start at the same positions whatever the batch,
// and what lies beyond a row's own position adds zeros, so a row's bits depend on nothing but its own history.
const DIMS: u32 = (HEAD_DIM + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
const VECTORS: u32 = HEAD_DIM / 4u;
const LOWEST: f32 = -3.0e38;

@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>; // [rows, HEAD_COUNT HEAD_DIM / 4]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, HEAD_COUNT HEAD_DIM]
@group(0) @binding(6) var<storage, read> keys: array<vec4<f32>>; // [capacity, KV_HEAD_COUNT HEAD_DIM / 4]
@group(0) @binding(7) var<storage, read> values: array<f32>; // [capacity, KV_HEAD_COUNT HEAD_DIM]

var<workgroup> queries: array<vec4<f32>, TILE_ROWS * VECTORS>;
var<workgroup> scores: array<f32, TILE_ROWS * WORKGROUP_SIZE>;
var<workgroup> weights: array<f32, TILE_ROWS * WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let head_index = group.x;
  let kv_head = head_index / (HEAD_COUNT / KV_HEAD_COUNT);
  let first_row = group.y * TILE_ROWS;
  let row_count = min(TILE_ROWS, batch.rows - first_row);
  // Of the last row; row t's own is first_length + t.
  let first_length = batch.position + first_row + 1u;
  let end = first_length + row_count - 1u;
  for (var i = index; i < TILE_ROWS * VECTORS; i += WORKGROUP_SIZE) {
    // What lies beyond the batch is computed from its last row and not written.
    let row = first_row + min(i / VECTORS, row_count - 1u);
    queries[i] = q[(row * HEAD_COUNT + head_index) * VECTORS + i % VECTORS] * SCALE;
  }
  workgroupBarrier();

  var highest: array<f32, TILE_ROWS>;
  var sums: array<f32, TILE_ROWS>;
  var mixed: array<f32, TILE_ROWS * DIMS>;
  for (var t = 0u; t < TILE_ROWS; t++) {
    highest[t] = LOWEST;
  }
  for (var start = 0u; start < end; start += WORKGROUP_SIZE) {
    let count = min(WORKGROUP_SIZE, end - start);
    // Spelled out, since lavapipe keeps what a loop's variable held the turn before.
    var own = array<f32, TILE_ROWS>();
    if (index < count) {
      let key = ((start + index) * KV_HEAD_COUNT + kv_head) * VECTORS;
      for (var i = 0u; i < VECTORS; i++) {
        let part = keys[key + i];
        for (var t = 0u; t < TILE_ROWS; t++) {
          own[t] += dot(queries[t * VECTORS + i], part);
        }
      }
    }
    for (var t = 0u; t < TILE_ROWS; t++) {
      own[t] = select(LOWEST, own[t], start + index < first_length + t);
      scores[t * WORKGROUP_SIZE + index] = own[t];
    }
    workgroupBarrier();
    for (var t = 0u; t < TILE_ROWS; t++) {
      let before = highest[t];
      for (var i = 0u; i < count; i++) {
        highest[t] = max(highest[t], scores[t * WORKGROUP_SIZE + i]);
      }
      let weight = select(0.0, exp(own[t] - highest[t]), start + index < first_length + t);
      weights[t * WORKGROUP_SIZE + index] = weight;
      if (highest[t] != before) {
        let kept = select(exp(before - highest[t]), 0.0, before == LOWEST);
        sums[t] *= kept;
        for (var d = 0u; d < DIMS; d++) {
          mixed[t * DIMS + d] *= kept;
        }
      }
    }
    workgroupBarrier();
    for (var i = 0u; i < count; i++) {
      let value = ((start + i) * KV_HEAD_COUNT + kv_head) * HEAD_DIM;
      for (var d = 0u; d < DIMS; d++) {
        let part = values[value + min(index + d * WORKGROUP_SIZE, HEAD_DIM - 1u)];
        for (var t = 0u; t < TILE_ROWS; t++) {
          mixed[t * DIMS + d] += weights[t * WORKGROUP_SIZE + i] * part;
        }
      }
      for (var t = 0u; t < TILE_ROWS; t++) {
        sums[t] += weights[t * WORKGROUP_SIZE + i];
      }
    }
  }
  for (var t = 0u; t < TILE_ROWS; t++) {
    for (var d = 0u; d < DIMS; d++) {
      let dim = index + d * WORKGROUP_SIZE;
      if (t < row_count && dim < HEAD_DIM) {
        out[((first_row + t) * HEAD_COUNT + head_index) * HEAD_DIM + dim] = mixed[t * DIMS + d] / sums[t];
      }
    }
  }
}
