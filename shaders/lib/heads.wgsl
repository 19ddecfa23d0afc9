// One head of a row of q·k·v in workgroup memory: normalised, and turned where it is read. Cosines and sines come from
// the CPU in double precision: f32 angles lose whole turns at position 100,000.
@group(0) @binding(1) var<storage, read> qkv: array<f32>; // [rows, (HEAD_COUNT + 2 KV_HEAD_COUNT) HEAD_DIM]
@group(0) @binding(5) var<storage, read> turns: array<vec2<f32>>; // [rows, ROPE_DIMENSION / 2] cosine, sine

var<workgroup> head: array<f32, HEAD_DIM>;

// Heads are those of q, then of k, then of v, which is not normalised.
fn load_head(row: u32, head_index: u32, index: u32) {
  let source = (row * (HEAD_COUNT + 2u * KV_HEAD_COUNT) + head_index) * HEAD_DIM;
  for (var d = index; d < HEAD_DIM; d += WORKGROUP_SIZE) {
    head[d] = qkv[source + d];
  }
  workgroupBarrier();
  normalize_head(row, head_index, index);
  workgroupBarrier();
}

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
