enable f16;

enable subgroups;

const WORKGROUP_SIZE: u32 = 64u;
const OUTPUTS: u32 = 2u;
const TILE_ROWS: u32 = 8u;
const SLOTS_PER_PIECE: u32 = 40u;
const RECORD_BYTES: u32 = 2654208u;
const LANES: u32 = 8u;
const MATRIX_ROWS: u32 = 2048u;
const ROW_SPANS: u32 = 24u;
const PLANE_OFFSETS: vec4<u32> = vec4<u32>(0u, 786432u, 860160u, 0u);
const PLANE_ROW_BYTES: vec4<u32> = vec4<u32>(384u, 36u, 12u, 0u);
const MATRIX_OFFSET: u32 = 1769472u;
const ENTRIES_PER_INPUT: u32 = 1u;
const SPAN_VECTORS: u32 = 8u;
const SUBGROUP_LANES: u32 = 32u;

// Prefill: a work item is an expert with up to TILE_ROWS of its entries (row · EXPERTS_PER_TOKEN + rank).
@group(0) @binding(4) var<storage, read> items: array<vec4<u32>>; // [items] slot, first entry, entry count, 0
@group(0) @binding(5) var<storage, read> entries: array<u32>; // [rows · EXPERTS_PER_TOKEN]

fn work_slot(item: u32) -> u32 {
  return items[item].x;
}

fn work_count(item: u32) -> u32 {
  return items[item].z;
}

fn work_entry(item: u32, t: u32) -> u32 {
  return entries[items[item].y + min(t, items[item].z - 1u)];
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

// A result is itself.
fn gated(at: u32, value: f32) -> f32 {
  return value;
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

// Q4_K and Q5_K: byte 32p + l of a block has element 64p + l in its low nibble and element 64p + 32 + l in its high
// one. A span is 16 such bytes, so two runs of 16 elements, 32 apart.
fn span_vector(span: u32, v: u32) -> u32 {
  return span / 2u * 16u + span % 2u * 4u + v / 4u * 8u + v % 4u;
}

// Q4_K and Q5_K: d · scale and dmin · minimum of group `i` of 8, whose six bits each lie in 12 bytes: those of the
// first four groups in bytes of their own, i and i + 4; the others' low nibbles in byte i + 4, their high bits above
// those of the first four.
fn scale_and_minimum(piece: u32, address: u32, i: u32, units: vec2<f32>) -> vec2<f32> {
  let shift = 8u * (i % 4u);
  let first = vec2<u32>(load_word(piece, address), load_word(piece, address + 4u)) >> vec2<u32>(shift);
  let nibbles = vec2<u32>(load_word(piece, address + 8u)) >> vec2<u32>(shift, shift + 4u);
  let later = (nibbles & vec2<u32>(15u)) | ((first >> vec2<u32>(2u)) & vec2<u32>(48u));
  return units * vec2<f32>(select(later, first & vec2<u32>(63u), i < 4u));
}

// Blocks of 256 four-bit values with an f16 scale and an f16 minimum, which six bits each of 32 elements multiply. A
// span is 16 bytes of values, so half of the elements of two groups.
fn scaled(word: u32, shift: u32, units: vec2<f32>) -> vec4<f32> {
  return units.x * vec4<f32>(byte_bits(word, shift, 15u)) - units.y;
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let block = span / 8u;
  let group = span % 8u / 2u * 2u;
  let dm = load_halves(row.piece, row.planes.z + 4u * block);
  let a = scale_and_minimum(row.piece, row.planes.y + 12u * block, group, dm);
  let b = scale_and_minimum(row.piece, row.planes.y + 12u * block, group + 1u, dm);
  return Span(
    scaled(words.x, 0u, a), scaled(words.y, 0u, a),
    scaled(words.z, 0u, a), scaled(words.w, 0u, a),
    scaled(words.x, 4u, b), scaled(words.y, 4u, b),
    scaled(words.z, 4u, b), scaled(words.w, 4u, b),
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

// out = W · x of each work item's expert, every entry into a row of its own; ENTRIES_PER_INPUT entries share a row of
// x. Records lie SLOTS_PER_PIECE to a piece.
const ABSENT: u32 = 0xffffffffu;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [entries, MATRIX_ROWS]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) index: u32) {
  let first_output = (group.x * (WORKGROUP_SIZE / LANES) + index / LANES) * OUTPUTS;
  let item = group.y;
  let slot = work_slot(item);
  if (slot == ABSENT) {
    return;
  }
  let piece = slot / SLOTS_PER_PIECE;
  let base = (slot % SLOTS_PER_PIECE) * RECORD_BYTES + MATRIX_OFFSET;
  var rows: array<MatrixRow, OUTPUTS>;
  for (var o = 0u; o < OUTPUTS; o++) {
    rows[o] = matrix_row(piece, base, min(first_output + o, MATRIX_ROWS - 1u));
  }
  var inputs: array<u32, TILE_ROWS>;
  for (var t = 0u; t < TILE_ROWS; t++) {
    inputs[t] = work_entry(item, t) / ENTRIES_PER_INPUT;
  }
  var sums = tile_dots(rows, inputs, index);
  for (var o = 0u; o < OUTPUTS; o++) {
    for (var t = 0u; t < TILE_ROWS; t++) {
      let mine = (o * TILE_ROWS + t) % LANES == index % LANES;
      if (mine && t < work_count(item) && first_output + o < MATRIX_ROWS) {
        let at = work_entry(item, t) * MATRIX_ROWS + first_output + o;
        out[at] = gated(at, sums[o * TILE_ROWS + t]);
      }
    }
  }
}
