const WORKGROUP_SIZE: u32 = 64u;
const OUTPUTS: u32 = 2u;
const TILE_ROWS: u32 = 1u;
const SLOTS_PER_PIECE: u32 = 40u;
const RECORD_SPANS: u32 = 313344u;
const LANES: u32 = 32u;
const MATRIX_ROWS: u32 = 768u;
const ROW_SPANS: u32 = 128u;
const ROW_SCALES: u32 = 64u;
const SCALES_OFFSET: u32 = 786432u;
const GATE_OFFSET: u32 = 0u;
const UP_OFFSET: u32 = 104448u;
const EXPERTS_PER_TOKEN: u32 = 8u;

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
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element
@group(0) @binding(9) var<storage, read> weights_1: array<vec4<u32>>; // packed matrices, 16 bytes an element
@group(0) @binding(10) var<storage, read> weights_2: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, index: u32) -> vec4<u32> {
  switch piece {
    case 1u: { return weights_1[index]; }
    case 2u: { return weights_2[index]; }
    default: { return weights_0[index]; }
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
        let first = (input_rows[t] * ROW_SPANS + span) * SPAN_VECTORS;
        var sum = 0.0;
        for (var v = 0u; v < SPAN_VECTORS; v++) {
          sum += dot(weights.values[v], x[first + v]);
        }
        sums[o * TILE_ROWS + t] += weights.scale * sum;
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

// A packed matrix [rows, cols] as the kernels see it: planes of quants and scales, addressed in units of 16 bytes
// and of one f16. A decoder reads it by spans: the elements that one 16-byte load brings.
struct MatrixRow {
  piece: u32,
  // First span of the row; first scale of the row.
  quants: u32,
  scales: u32,
}

struct Span {
  scale: f32,
  values: array<vec4<f32>, SPAN_VECTORS>,
}

// `base`: where the matrix starts in its piece, in 16-byte units.
fn matrix_row(piece: u32, base: u32, row: u32) -> MatrixRow {
  return MatrixRow(piece, base + row * ROW_SPANS, base * 8u + SCALES_OFFSET + row * ROW_SCALES);
}

fn load_scale(piece: u32, index: u32) -> f32 {
  let word = load_words(piece, index / 8u)[(index / 2u) % 4u];
  return half_to_float((word >> (16u * (index % 2u))) & 0xffffu);
}

// Blocks of 32 signed bytes and one f16 scale; 16 elements a span, half a block.
const SPAN_VECTORS: u32 = 4u;

fn signed_bytes(word: u32) -> vec4<f32> {
  let raised = bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u));
  return vec4<f32>(raised >> vec4<u32>(24u));
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.quants + span);
  return Span(
    load_scale(row.piece, row.scales + span / 2u),
    array(signed_bytes(words.x), signed_bytes(words.y), signed_bytes(words.z), signed_bytes(words.w)),
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
  let record = (slot % SLOTS_PER_PIECE) * RECORD_SPANS;
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
