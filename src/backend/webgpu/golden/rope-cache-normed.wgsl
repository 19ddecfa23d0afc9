const WORKGROUP_SIZE: u32 = 64u;
const HEAD_COUNT: u32 = 32u;
const KV_HEAD_COUNT: u32 = 4u;
const HEAD_DIM: u32 = 128u;
const ROPE_DIMENSION: u32 = 128u;
const ROPE_NEOX: bool = true;
const LANES: u32 = 64u;
const EPS: f32 = 0.000001f;

// What changes from one pass to the next.
struct Batch {
  rows: u32,
  // Of the first row, in the context.
  position: u32,
}

@group(0) @binding(0) var<uniform> batch: Batch;

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

// Sums each of VALUES over runs of LANES neighbouring invocations; every lane gets the sums. Lane pairs are added
// in the same order as in reduce-subgroups.wgsl, so the two give the same bits.
var<workgroup> partials: array<f32, WORKGROUP_SIZE * VALUES>;

fn reduce_lanes(values: array<f32, VALUES>, index: u32) -> array<f32, VALUES> {
  var sums = values;
  for (var v = 0u; v < VALUES; v++) {
    partials[v * WORKGROUP_SIZE + index] = sums[v];
  }
  for (var stride = LANES / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (index % LANES < stride) {
      for (var v = 0u; v < VALUES; v++) {
        partials[v * WORKGROUP_SIZE + index] += partials[v * WORKGROUP_SIZE + index + stride];
      }
    }
  }
  workgroupBarrier();
  let first = index - index % LANES;
  for (var v = 0u; v < VALUES; v++) {
    sums[v] = partials[v * WORKGROUP_SIZE + first];
  }
  return sums;
}

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
