// Splits qkv into heads, normalises and turns those of q and k, writes q to `out` and k, v to the layer's cache.
// One workgroup a (head, row). Cosines and sines come from the CPU in double precision: f32 angles lose whole
// turns at position 100,000.
@group(0) @binding(1) var<storage, read> qkv: array<f32>; // [rows, (HEAD_COUNT + 2 KV_HEAD_COUNT) HEAD_DIM]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, HEAD_COUNT HEAD_DIM]
@group(0) @binding(5) var<storage, read> turns: array<vec2<f32>>; // [rows, ROPE_DIMENSION / 2] cosine, sine
@group(0) @binding(6) var<storage, read_write> keys: array<f32>; // [capacity, KV_HEAD_COUNT HEAD_DIM]
@group(0) @binding(7) var<storage, read_write> values: array<f32>; // [capacity, KV_HEAD_COUNT HEAD_DIM]

var<workgroup> head: array<f32, HEAD_DIM>;

// Element d of the turned head.
fn turned(row: u32, d: u32) -> f32 {
  if (d >= ROPE_DIMENSION) {
    return head[d];
  }
  let half = ROPE_DIMENSION / 2u;
  let pair = select(d / 2u, d % half, ROPE_NEOX);
  let first = select(pair * 2u, pair, ROPE_NEOX);
  let second = select(pair * 2u + 1u, pair + half, ROPE_NEOX);
  let turn = turns[row * half + pair];
  if (d == first) {
    return head[first] * turn.x - head[second] * turn.y;
  }
  return head[first] * turn.y + head[second] * turn.x;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let head_index = group.x;
  let row = group.y;
  let source = (row * (HEAD_COUNT + 2u * KV_HEAD_COUNT) + head_index) * HEAD_DIM;
  for (var d = index; d < HEAD_DIM; d += WORKGROUP_SIZE) {
    head[d] = qkv[source + d];
  }
  workgroupBarrier();
  normalize_head(row, head_index, index);
  workgroupBarrier();
  for (var d = index; d < HEAD_DIM; d += WORKGROUP_SIZE) {
    if (head_index < HEAD_COUNT) {
      out[(row * HEAD_COUNT + head_index) * HEAD_DIM + d] = turned(row, d);
    } else if (head_index < HEAD_COUNT + KV_HEAD_COUNT) {
      let kv_head = head_index - HEAD_COUNT;
      keys[((batch.position + row) * KV_HEAD_COUNT + kv_head) * HEAD_DIM + d] = turned(row, d);
    } else {
      let kv_head = head_index - HEAD_COUNT - KV_HEAD_COUNT;
      values[((batch.position + row) * KV_HEAD_COUNT + kv_head) * HEAD_DIM + d] = head[d];
    }
  }
}
