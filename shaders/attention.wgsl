// Decode: out = softmax(q · k · SCALE) · v of the one row over positions up to its own, one workgroup a (head, CHUNK of
// positions): one row has too few heads to fill a GPU. A single chunk is the result; attention-merge.wgsl puts more of
// them together. Keys go by in runs of WORKGROUP_SIZE with a running maximum and sum (online softmax, arXiv 1805.02867).
//
// Every workgroup normalises and turns its own query, and the last chunk's also the row's own key and value: nobody
// waits for another workgroup's. The first head of a group writes them to the cache.
const DIMS: u32 = (HEAD_DIM + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
const VECTORS: u32 = HEAD_DIM / 4u;
const GROUP: u32 = HEAD_COUNT / KV_HEAD_COUNT;
const LOWEST: f32 = -3.0e38;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [HEAD_COUNT, HEAD_DIM]
@group(0) @binding(6) var<storage, read_write> keys: array<vec4<f32>>; // [capacity, KV_HEAD_COUNT HEAD_DIM / 4]
@group(0) @binding(7) var<storage, read_write> values: array<f32>; // [capacity, KV_HEAD_COUNT HEAD_DIM]
@group(0) @binding(8) var<storage, read_write> chunks: array<f32>; // [chunks, HEAD_COUNT, HEAD_DIM + 2] mixture times its sum, highest score, sum

var<workgroup> query: array<vec4<f32>, VECTORS>;
var<workgroup> own_key: array<vec4<f32>, VECTORS>;
var<workgroup> own_value: array<f32, HEAD_DIM>;
var<workgroup> scores: array<f32, WORKGROUP_SIZE>;
var<workgroup> weights: array<f32, WORKGROUP_SIZE>;

fn four_turned(first: u32) -> vec4<f32> {
  return vec4<f32>(turned(0u, first), turned(0u, first + 1u), turned(0u, first + 2u), turned(0u, first + 3u));
}

fn load_query(head_index: u32, index: u32) {
  load_head(0u, head_index, index);
  for (var i = index; i < VECTORS; i += WORKGROUP_SIZE) {
    query[i] = four_turned(4u * i) * SCALE;
  }
  workgroupBarrier();
}

// The row's own key and value, written to the cache too if `writes`.
fn load_own(kv_head: u32, writes: bool, index: u32) {
  load_head(0u, HEAD_COUNT + kv_head, index);
  let at = batch.position * KV_HEAD_COUNT + kv_head;
  for (var i = index; i < VECTORS; i += WORKGROUP_SIZE) {
    own_key[i] = four_turned(4u * i);
    if (writes) {
      keys[at * VECTORS + i] = own_key[i];
    }
  }
  let source = (HEAD_COUNT + KV_HEAD_COUNT + kv_head) * HEAD_DIM;
  for (var d = index; d < HEAD_DIM; d += WORKGROUP_SIZE) {
    own_value[d] = qkv[source + d];
    if (writes) {
      values[at * HEAD_DIM + d] = own_value[d];
    }
  }
  workgroupBarrier();
}

fn score_of(position: u32, kv_head: u32) -> f32 {
  var score = 0.0;
  if (position == batch.position) {
    for (var i = 0u; i < VECTORS; i++) {
      score += dot(query[i], own_key[i]);
    }
    return score;
  }
  let key = (position * KV_HEAD_COUNT + kv_head) * VECTORS;
  for (var i = 0u; i < VECTORS; i++) {
    score += dot(query[i], keys[key + i]);
  }
  return score;
}

fn value_of(position: u32, kv_head: u32, dim: u32) -> f32 {
  if (position == batch.position) {
    return own_value[dim];
  }
  return values[(position * KV_HEAD_COUNT + kv_head) * HEAD_DIM + dim];
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let head_index = group.x;
  let chunk = group.z;
  let kv_head = head_index / GROUP;
  let length = batch.position + 1u;
  let end = min(length, (chunk + 1u) * CHUNK);
  load_query(head_index, index);
  if (end == length) {
    load_own(kv_head, head_index % GROUP == 0u, index);
  }

  var highest = LOWEST;
  var sum = 0.0;
  var mixed: array<f32, DIMS>;
  for (var start = chunk * CHUNK; start < end; start += WORKGROUP_SIZE) {
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
  let at = (chunk * HEAD_COUNT + head_index) * (HEAD_DIM + 2u);
  for (var d = 0u; d < DIMS; d++) {
    let dim = index + d * WORKGROUP_SIZE;
    if (dim < HEAD_DIM) {
      if (length <= CHUNK) {
        out[head_index * HEAD_DIM + dim] = mixed[d] / sum;
      } else {
        chunks[at + dim] = mixed[d];
      }
    }
  }
  if (index == 0u && length > CHUNK) {
    chunks[at + HEAD_DIM] = highest;
    chunks[at + HEAD_DIM + 1u] = sum;
  }
}
