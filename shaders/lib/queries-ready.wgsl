// Prefill: rope-cache.wgsl turned the queries and wrote the batch's keys and values.
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>; // [rows, HEAD_COUNT HEAD_DIM / 4]
@group(0) @binding(6) var<storage, read> keys: array<vec4<f32>>; // [capacity, KV_HEAD_COUNT HEAD_DIM / 4]
@group(0) @binding(7) var<storage, read> values: array<f32>; // [capacity, KV_HEAD_COUNT HEAD_DIM]

fn load_query(row: u32, head_index: u32, last: bool, index: u32) {
  for (var i = index; i < HEAD_DIM / 4u; i += WORKGROUP_SIZE) {
    query[i] = q[(row * HEAD_COUNT + head_index) * (HEAD_DIM / 4u) + i] * SCALE;
  }
}

fn score_of(position: u32, kv_head: u32) -> f32 {
  let key = (position * KV_HEAD_COUNT + kv_head) * (HEAD_DIM / 4u);
  var score = 0.0;
  for (var i = 0u; i < HEAD_DIM / 4u; i++) {
    score += dot(query[i], keys[key + i]);
  }
  return score;
}

fn value_of(position: u32, kv_head: u32, dim: u32) -> f32 {
  return values[(position * KV_HEAD_COUNT + kv_head) * HEAD_DIM + dim];
}
