enable f16;

enable subgroups;

const WORKGROUP_SIZE: u32 = 64u;
const LANES: u32 = 32u;
const UNITS: u32 = 2u;
const TILE_ROWS: u32 = 1u;
const EPS: f32 = 0.000001f;
const MATRIX_ROWS: u32 = 2048u;
const ROW_SPANS: u32 = 256u;
const PLANE_OFFSETS: vec4<u32> = vec4<u32>(0u, 8388608u, 0u, 0u);
const PLANE_ROW_BYTES: vec4<u32> = vec4<u32>(4096u, 256u, 0u, 0u);
const OUT_WIDTH: u32 = 2048u;
const OUT_OFFSET: u32 = 0u;
const OUT_SCALE: f32 = 1f;
const SPAN_VECTORS: u32 = 4u;
const SUBGROUP_LANES: u32 = 32u;

// RMSNorm of x on the way into the product: the weights multiply its elements, and what the norm divides by, which
// takes the sum of squares (one more value to reduce), its sums.
const INPUT_VALUES: u32 = 1u;

@group(0) @binding(4) var<storage, read> norm: array<vec4<f32>>; // [cols / 4]

fn weighed(at: u32, value: vec4<f32>) -> vec4<f32> {
  return value * norm[at];
}

fn input_factor(sum: f32) -> f32 {
  return 1.0 / sqrt(sum / f32(ROW_VECTORS * 4u) + EPS);
}

// What later kernels read of the norm.
@group(0) @binding(5) var<storage, read_write> normed: array<vec4<f32>>; // [cols / 4]

fn keep_input(first: u32, factor: f32, index: u32) {
  for (var i = index; i < ROW_VECTORS; i += WORKGROUP_SIZE) {
    normed[i] = x[first + i] * factor * norm[i];
  }
}

fn with_residual(index: u32, value: f32) -> f32 {
  return value;
}

fn with_bias(output: u32, value: f32) -> f32 {
  return value;
}

// Quantised weights in one buffer.
// Addresses are in bytes, of the 16 (the 4) that lie around them.
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, address: u32) -> vec4<u32> {
  return weights_0[address / 16u];
}

fn load_word(piece: u32, address: u32) -> u32 {
  return weights_0[address / 16u][(address / 4u) % 4u];
}

// A matrix times one row of x, the product of decode. LANES neighbouring invocations are a team of UNITS units, each
// of MATRICES matrix rows: lane l adds spans l, l + LANES, … in that order, then the lanes' sums are added as a tree.
// What a lane reads of x serves all rows of its team.
const OUTPUTS: u32 = UNITS * MATRICES;
const VALUES: u32 = OUTPUTS + INPUT_VALUES;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, cols / 4]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let item = group.z;
  if (!has_work(item)) {
    return;
  }
  let tile = group.y * groups.x + group.x;
  let first_unit = (tile * (WORKGROUP_SIZE / LANES) + index / LANES) * UNITS;
  // What lies beyond the matrix is computed from its last row and not written.
  var rows: array<MatrixRow, OUTPUTS>;
  for (var o = 0u; o < OUTPUTS; o++) {
    rows[o] = unit_row(item, min(first_unit + o / MATRICES, MATRIX_ROWS - 1u), o % MATRICES);
  }
  let input = input_row(item, 0u) * ROW_VECTORS;
  var sums: array<f32, VALUES>;
  for (var span = index % LANES; span < ROW_SPANS; span += LANES) {
    var values: Span;
    for (var v = 0u; v < SPAN_VECTORS; v++) {
      let at = span_vector(span, v);
      let value = x[input + at];
      if (INPUT_VALUES > 0u) {
        sums[VALUES - 1u] += dot(value, value);
      }
      values[v] = weighed(at, value);
    }
    for (var o = 0u; o < OUTPUTS; o++) {
      var weights = load_span(rows[o], span);
      var sum = 0.0;
      for (var v = 0u; v < SPAN_VECTORS; v++) {
        sum += dot(weights[v], values[v]);
      }
      sums[o] += sum;
    }
  }
  sums = reduce_lanes(sums, index);
  let factor = input_factor(sums[VALUES - 1u]);
  if (tile == 0u) {
    keep_input(input, factor, index);
  }
  for (var u = 0u; u < UNITS; u++) {
    if (u % LANES == index % LANES && first_unit + u < MATRIX_ROWS) {
      var results: array<f32, MATRICES>;
      for (var m = 0u; m < MATRICES; m++) {
        results[m] = factor * sums[u * MATRICES + m];
      }
      finish(item, 0u, first_unit + u, results);
    }
  }
}

// f16 → f32 by the hardware; chosen only where a probe found subnormals intact.
fn halves_to_floats(word: u32) -> vec2<f32> {
  return vec2<f32>(bitcast<vec2<f16>>(word));
}

fn half_to_float(bits: u32) -> f32 {
  return halves_to_floats(bits).x;
}

// A packed matrix [rows, cols] as the kernels see it: up to four planes, addressed in bytes. A decoder reads a row by
// spans, what one lane reads at a time: `load_span` gives SPAN_VECTORS times four elements, and `span_vector` says
// which four of the row each vector is.
const ROW_VECTORS: u32 = ROW_SPANS * SPAN_VECTORS;

alias Span = array<vec4<f32>, SPAN_VECTORS>;

struct MatrixRow {
  piece: u32,
  // Where the row starts in each plane.
  planes: vec4<u32>,
}

// `base`: where the matrix starts in its piece.
fn matrix_row(piece: u32, base: u32, row: u32) -> MatrixRow {
  return MatrixRow(piece, base + PLANE_OFFSETS + row * PLANE_ROW_BYTES);
}

fn load_byte(piece: u32, address: u32) -> u32 {
  return (load_word(piece, address) >> (8u * (address % 4u))) & 0xffu;
}

fn load_half(piece: u32, address: u32) -> f32 {
  return half_to_float((load_word(piece, address) >> (8u * (address % 4u))) & 0xffffu);
}

// Two halves of one word.
fn load_halves(piece: u32, address: u32) -> vec2<f32> {
  return halves_to_floats(load_word(piece, address));
}

// The bits at `shift` of each of a word's bytes.
fn byte_bits(word: u32, shift: u32, mask: u32) -> vec4<u32> {
  return (vec4<u32>(word) >> (vec4<u32>(0u, 8u, 16u, 24u) + shift)) & vec4<u32>(mask);
}

// A span's vectors are neighbours in the row.
fn span_vector(span: u32, v: u32) -> u32 {
  return span * SPAN_VECTORS + v;
}

// Blocks of 32 signed bytes and one f16 scale; 16 elements a span, half a block.
fn signed_bytes(word: u32) -> vec4<f32> {
  let raised = bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u));
  return vec4<f32>(raised >> vec4<u32>(24u));
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let d = load_half(row.piece, row.planes.y + 2u * (span / 2u));
  return Span(
    d * signed_bytes(words.x), d * signed_bytes(words.y),
    d * signed_bytes(words.z), d * signed_bytes(words.w),
  );
}

// reduce-tree.wgsl by shuffles: strides that stay inside SUBGROUP_LANES (the smallest subgroup the adapter makes)
// need no workgroup memory. Chosen only where a probe found invocations to be numbered along subgroups.
var<workgroup> partials: array<f32, WORKGROUP_SIZE * VALUES>;

fn reduce_lanes(values: array<f32, VALUES>, index: u32) -> array<f32, VALUES> {
  var sums = values;
  for (var stride = LANES / 2u; stride >= SUBGROUP_LANES; stride /= 2u) {
    for (var v = 0u; v < VALUES; v++) {
      partials[v * WORKGROUP_SIZE + index] = sums[v];
    }
    workgroupBarrier();
    for (var v = 0u; v < VALUES; v++) {
      sums[v] += partials[v * WORKGROUP_SIZE + (index ^ stride)];
    }
    workgroupBarrier();
  }
  for (var stride = min(LANES, SUBGROUP_LANES) / 2u; stride > 0u; stride /= 2u) {
    for (var v = 0u; v < VALUES; v++) {
      sums[v] += subgroupShuffleXor(sums[v], stride);
    }
  }
  return sums;
}

// out = [residual +] OUT_SCALE · (W · x [+ bias]) for the matrix rows that lie in this piece of W. A work item is a
// tile of the batch's rows.
const MATRICES: u32 = 1u;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, OUT_WIDTH]

fn has_work(item: u32) -> bool {
  return true;
}

fn input_row(item: u32, t: u32) -> u32 {
  return item * TILE_ROWS + t;
}

fn unit_row(item: u32, unit: u32, matrix: u32) -> MatrixRow {
  return matrix_row(0u, 0u, unit);
}

fn finish(item: u32, t: u32, unit: u32, results: array<f32, MATRICES>) {
  let output = OUT_OFFSET + unit;
  let at = input_row(item, t) * OUT_WIDTH + output;
  out[at] = with_residual(at, OUT_SCALE * with_bias(output, results[0]));
}
