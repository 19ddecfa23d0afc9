const WORKGROUP_SIZE: u32 = 64u;
const OUTPUTS: u32 = 2u;
const TILE_ROWS: u32 = 1u;
const SLOTS_PER_PIECE: u32 = 40u;
const RECORD_BYTES: u32 = 5013504u;
const LANES: u32 = 32u;
const MATRIX_ROWS: u32 = 768u;
const ROW_SPANS: u32 = 128u;
const PLANE_OFFSETS: vec4<u32> = vec4<u32>(0u, 1572864u, 0u, 0u);
const PLANE_ROW_BYTES: vec4<u32> = vec4<u32>(2048u, 128u, 0u, 0u);
const GATE_OFFSET: u32 = 0u;
const UP_OFFSET: u32 = 1671168u;
const EXPERTS_PER_TOKEN: u32 = 8u;
const SPAN_VECTORS: u32 = 4u;

// Decode: a work item is a rank of the one row, its slot as the router (or the CPU in its place) left it.
@group(0) @binding(4) var<storage, read> selection: array<vec4<u32>>; // [EXPERTS_PER_TOKEN] id, weight bits, slot, 0

fn work_slot(item: u32) -> u32 {
  return selection[item].z;
}

fn work_count(item: u32) -> u32 {
  return 1u;
}

fn work_entry(item: u32, t: u32) -> u32 {
  return item;
}

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

// The inner product every matrix kernel is made of: OUTPUTS matrix rows by TILE_ROWS rows of x. LANES neighbouring
// invocations share one such tile; lane l adds spans l, l + LANES, … in that order, then the lanes' sums are added
// as a tree. A row's sum so never depends on the rows beside it.
const VALUES: u32 = OUTPUTS * TILE_ROWS;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, cols / 4]

// Returns [OUTPUTS, TILE_ROWS] in every lane; `inputs` are rows of x.
fn tile_dots(
  rows: array<MatrixRow, OUTPUTS>,
  inputs: array<u32, TILE_ROWS>,
  index: u32,
) -> array<f32, VALUES> {
  var matrix_rows = rows;
  var input_rows = inputs;
  var sums: array<f32, VALUES>;
  for (var span = index % LANES; span < ROW_SPANS; span += LANES) {
    for (var o = 0u; o < OUTPUTS; o++) {
      var weights = load_span(matrix_rows[o], span);
      for (var t = 0u; t < TILE_ROWS; t++) {
        var sum = 0.0;
        for (var v = 0u; v < SPAN_VECTORS; v++) {
          sum += dot(weights[v], x[input_rows[t] * ROW_VECTORS + span_vector(span, v)]);
        }
        sums[o * TILE_ROWS + t] += sum;
      }
    }
  }
  return reduce_lanes(sums, index);
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
// piece; gate and up have the same type and shape. OUTPUTS is 2: a hidden unit's gate row and up row.
const ABSENT: u32 = 0xffffffffu;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows · EXPERTS_PER_TOKEN, MATRIX_ROWS]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let unit = group.x * (WORKGROUP_SIZE / LANES) + index / LANES;
  let item = group.y;
  let slot = work_slot(item);
  if (slot == ABSENT) {
    return;
  }
  let piece = slot / SLOTS_PER_PIECE;
  let record = (slot % SLOTS_PER_PIECE) * RECORD_BYTES;
  let row = min(unit, MATRIX_ROWS - 1u);
  var inputs: array<u32, TILE_ROWS>;
  for (var t = 0u; t < TILE_ROWS; t++) {
    inputs[t] = work_entry(item, t) / EXPERTS_PER_TOKEN;
  }
  var sums = tile_dots(
    array(matrix_row(piece, record + GATE_OFFSET, row), matrix_row(piece, record + UP_OFFSET, row)),
    inputs,
    index,
  );
  for (var t = 0u; t < TILE_ROWS; t++) {
    if (t % LANES == index % LANES && t < work_count(item) && unit < MATRIX_ROWS) {
      out[work_entry(item, t) * MATRIX_ROWS + unit] = silu(sums[t]) * sums[TILE_ROWS + t];
    }
  }
}
