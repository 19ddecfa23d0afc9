const WORKGROUP_SIZE: u32 = 64u;
const LANES: u32 = 32u;
const UNITS: u32 = 1u;
const SLOTS_PER_PIECE: u32 = 40u;
const RECORD_BYTES: u32 = 5013504u;
const MATRIX_ROWS: u32 = 768u;
const ROW_SPANS: u32 = 128u;
const PLANE_OFFSETS: vec4<u32> = vec4<u32>(0u, 1572864u, 0u, 0u);
const PLANE_ROW_BYTES: vec4<u32> = vec4<u32>(2048u, 128u, 0u, 0u);
const GATE_OFFSET: u32 = 0u;
const UP_OFFSET: u32 = 1671168u;
const EXPERTS_PER_TOKEN: u32 = 8u;
const SPAN_VECTORS: u32 = 4u;

// Quantised weights cut into 3 buffers, since none may exceed the binding limit.
// Addresses are in bytes, of the 16 (the 4) that lie around them.
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element
@group(0) @binding(9) var<storage, read> weights_1: array<vec4<u32>>; // packed matrices, 16 bytes an element
@group(0) @binding(10) var<storage, read> weights_2: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, address: u32) -> vec4<u32> {
  switch piece {
    case 1u: { return weights_1[address / 16u]; }
    case 2u: { return weights_2[address / 16u]; }
    default: { return weights_0[address / 16u]; }
  }
}

fn load_word(piece: u32, address: u32) -> u32 {
  switch piece {
    case 1u: { return weights_1[address / 16u][(address / 4u) % 4u]; }
    case 2u: { return weights_2[address / 16u][(address / 4u) % 4u]; }
    default: { return weights_0[address / 16u][(address / 4u) % 4u]; }
  }
}

// Decode: a work item is a rank of the one row, its slot as the router (or the CPU in its place) left it.
@group(0) @binding(4) var<storage, read> selection: array<vec4<u32>>; // [EXPERTS_PER_TOKEN] id, weight bits, slot, 0

fn work_slot(item: u32) -> u32 {
  return selection[item].z;
}

fn work_entry(item: u32, t: u32) -> u32 {
  return item;
}

// x as it is.
const INPUT_VALUES: u32 = 0u;

fn weighed(at: u32, value: vec4<f32>) -> vec4<f32> {
  return value;
}

fn input_factor(sum: f32) -> f32 {
  return 1.0;
}

fn keep_input(first: u32, factor: f32, index: u32) {}

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

// The clamp keeps exp finite; beyond it silu is 0 or x to the last bit anyway.
fn silu(value: f32) -> f32 {
  return value / (1.0 + exp(clamp(-value, -80.0, 80.0)));
}

// f16 → f32 by integer arithmetic: exact for subnormals, which hardware conversions may flush to zero and which
// block scales of small weights often are. Infinities and NaNs never occur: files that hold them are refused.
fn half_to_float(bits: u32) -> f32 {
  let sign = (bits & 0x8000u) << 16u;
  let magnitude = bits & 0x7fffu;
  let normal = (magnitude << 13u) + 0x38000000u;
  let subnormal = bitcast<u32>(f32(magnitude) * 0x1p-24f);
  return bitcast<f32>(sign | select(normal, subnormal, magnitude < 0x0400u));
}

fn halves_to_floats(word: u32) -> vec2<f32> {
  return vec2<f32>(half_to_float(word & 0xffffu), half_to_float(word >> 16u));
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

// out = silu(gate · x) ⊙ (up · x) of each work item's expert on its entries. Records lie SLOTS_PER_PIECE to a
// piece; gate and up have the same type and shape, and a unit is a row of each.
const ABSENT: u32 = 0xffffffffu;
const MATRICES: u32 = 2u;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows · EXPERTS_PER_TOKEN, MATRIX_ROWS]

fn has_work(item: u32) -> bool {
  return work_slot(item) != ABSENT;
}

fn input_row(item: u32, t: u32) -> u32 {
  return work_entry(item, t) / EXPERTS_PER_TOKEN;
}

fn unit_row(item: u32, unit: u32, matrix: u32) -> MatrixRow {
  let slot = work_slot(item);
  let record = (slot % SLOTS_PER_PIECE) * RECORD_BYTES;
  return matrix_row(slot / SLOTS_PER_PIECE, record + select(UP_OFFSET, GATE_OFFSET, matrix == 0u), unit);
}

fn finish(item: u32, t: u32, unit: u32, results: array<f32, MATRICES>) {
  out[work_entry(item, t) * MATRIX_ROWS + unit] = silu(results[0]) * results[1];
}
