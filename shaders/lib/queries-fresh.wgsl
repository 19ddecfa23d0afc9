// Decode: every workgroup normalises and turns its own query, and, where it attends to the one row itself, that row's
// key and value: nobody waits for another workgroup's. The first head of a group writes them to the cache.
const GROUP: u32 = HEAD_COUNT / KV_HEAD_COUNT;

@group(0) @binding(6) var<storage, read_write> keys: array<vec4<f32>>; // [capacity, KV_HEAD_COUNT HEAD_DIM / 4]
@group(0) @binding(7) var<storage, read_write> values: array<f32>; // [capacity, KV_HEAD_COUNT HEAD_DIM]

var<workgroup> fresh_key: array<vec4<f32>, HEAD_DIM / 4u>;
var<workgroup> fresh_value: array<f32, HEAD_DIM>;

fn four_turned(first: u32) -> vec4<f32> {
  return vec4<f32>(turned(0u, first), turned(0u, first + 1u), turned(0u, first + 2u), turned(0u, first + 3u));
}

// `last`: whether the row itself is among the positions of this workgroup.
fn load_query(row: u32, head_index: u32, last: bool, index: u32) {
  load_head(0u, head_index, index);
  for (var i = index; i < HEAD_DIM / 4u; i += WORKGROUP_SIZE) {
    query[i] = four_turned(4u * i) * SCALE;
  }
  if (!last) {
    return;
  }
  let kv_head = head_index / GROUP;
  let writes = head_index % GROUP == 0u;
  workgroupBarrier();
  load_head(0u, HEAD_COUNT + kv_head, index);
  let at = batch.position * KV_HEAD_COUNT + kv_head;
  for (var i = index; i < HEAD_DIM / 4u; i += WORKGROUP_SIZE) {
    fresh_key[i] = four_turned(4u * i);
    if (writes) {
      keys[at * (HEAD_DIM / 4u) + i] = fresh_key[i];
    }
  }
  let source = (HEAD_COUNT + KV_HEAD_COUNT + kv_head) * HEAD_DIM;
  for (var d = index; d < HEAD_DIM; d += WORKGROUP_SIZE) {
    fresh_value[d] = qkv[source + d];
    if (writes) {
      values[at * HEAD_DIM + d] = fresh_value[d];
    }
  }
}

fn score_of(position: u32, kv_head: u32) -> f32 {
  var score = 0.0;
  if (position == batch.position) {
    for (var i = 0u; i < HEAD_DIM / 4u; i++) {
      score += dot(query[i], fresh_key[i]);
    }
    return score;
  }
  let key = (position * KV_HEAD_COUNT + kv_head) * (HEAD_DIM / 4u);
  for (var i = 0u; i < HEAD_DIM / 4u; i++) {
    score += dot(query[i], keys[key + i]);
  }
  return score;
}

fn value_of(position: u32, kv_head: u32, dim: u32) -> f32 {
  if (position == batch.position) {
    return fresh_value[dim];
  }
  return values[(position * KV_HEAD_COUNT + kv_head) * HEAD_DIM + dim];
}
