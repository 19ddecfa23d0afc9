// RMSNorm of single heads of q and k before they turn.
const VALUES: u32 = 1u;

@group(0) @binding(3) var<storage, read> q_norm: array<f32>; // [headDim]
@group(0) @binding(4) var<storage, read> k_norm: array<f32>; // [headDim]

// Normalises `head` [HEAD_DIM] in place; v heads stay as they are.
fn normalize_head(row: u32, head_index: u32, index: u32) {
  var sum = 0.0;
  for (var d = index; d < HEAD_DIM; d += WORKGROUP_SIZE) {
    sum += head[d] * head[d];
  }
  let sums = reduce_lanes(array(sum), index);
  let factor = 1.0 / sqrt(sums[0] / f32(HEAD_DIM) + EPS);
  for (var d = index; d < HEAD_DIM; d += WORKGROUP_SIZE) {
    if (head_index < HEAD_COUNT) {
      head[d] *= factor * q_norm[d];
    } else if (head_index < HEAD_COUNT + KV_HEAD_COUNT) {
      head[d] *= factor * k_norm[d];
    }
  }
}
