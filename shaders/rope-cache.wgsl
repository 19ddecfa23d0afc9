// Splits qkv into heads, normalises and turns those of q and k, writes q to `out` and k, v to the layer's cache.
// One workgroup a (head, row).
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, HEAD_COUNT HEAD_DIM]
@group(0) @binding(6) var<storage, read_write> keys: array<f32>; // [capacity, KV_HEAD_COUNT HEAD_DIM]
@group(0) @binding(7) var<storage, read_write> values: array<f32>; // [capacity, KV_HEAD_COUNT HEAD_DIM]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let head_index = group.x;
  let row = group.y;
  load_head(row, head_index, index);
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
