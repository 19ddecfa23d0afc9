// RMSNorm of q and of k over all their heads at once, before they turn. Every head's workgroup sums the whole row.
const VALUES: u32 = 1u;

@group(0) @binding(3) var<storage, read> q_norm: array<f32>; // [HEAD_COUNT HEAD_DIM]
@group(0) @binding(4) var<storage, read> k_norm: array<f32>; // [KV_HEAD_COUNT HEAD_DIM]

// Normalises `head` [HEAD_DIM] in place; v heads stay as they are.
fn normalize_head(row: u32, head_index: u32, index: u32) {
  let is_query = head_index < HEAD_COUNT;
  let width = select(KV_HEAD_COUNT, HEAD_COUNT, is_query) * HEAD_DIM;
  let first = (row * (HEAD_COUNT + 2u * KV_HEAD_COUNT) + select(HEAD_COUNT, 0u, is_query)) * HEAD_DIM;
  var sum = 0.0;
  for (var i = index; i < width; i += WORKGROUP_SIZE) {
    sum += qkv[first + i] * qkv[first + i];
  }
  let sums = reduce_lanes(array(sum), index);
  let factor = 1.0 / sqrt(sums[0] / f32(width) + EPS);
  for (var d = index; d < HEAD_DIM; d += WORKGROUP_SIZE) {
    if (is_query) {
      head[d] *= factor * q_norm[head_index * HEAD_DIM + d];
    } else if (head_index < HEAD_COUNT + KV_HEAD_COUNT) {
      head[d] *= factor * k_norm[(head_index - HEAD_COUNT) * HEAD_DIM + d];
    }
  }
}
