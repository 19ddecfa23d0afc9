enable f16;

const WORKGROUP_SIZE: u32 = 64u;
const TILE_OUTPUTS: u32 = 32u;
const TILE_ROWS: u32 = 16u;
const STEP_SPANS: u32 = 1u;
const SLOTS_PER_PIECE: u32 = 40u;
const RECORD_BYTES: u32 = 2654208u;
const MATRIX_ROWS: u32 = 2048u;
const ROW_SPANS: u32 = 24u;
const PLANE_OFFSETS: vec4<u32> = vec4<u32>(0u, 786432u, 860160u, 0u);
const PLANE_ROW_BYTES: vec4<u32> = vec4<u32>(384u, 36u, 12u, 0u);
const MATRIX_OFFSET: u32 = 1769472u;
const ENTRIES_PER_INPUT: u32 = 1u;
const SPAN_VECTORS: u32 = 8u;

// Quantised weights in one buffer.
// Addresses are in bytes, of the 16 (the 4) that lie around them.
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, address: u32) -> vec4<u32> {
  return weights_0[address / 16u];
}

fn load_word(piece: u32, address: u32) -> u32 {
  return weights_0[address / 16u][(address / 4u) % 4u];
}

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
  return entries[items[item].y + t];
}

// A matrix times many rows of x, the product of prefill. A workgroup makes a tile of TILE_OUTPUTS matrix rows by up to
// TILE_ROWS rows of x: it goes along them in steps of STEP_SPANS spans, which it decodes once into workgroup memory.
// An invocation sums every eighth matrix row by every eighth row of x, each along the row from its start, whatever
// lies beside it. Units of MATRICES matrix rows stay in one invocation.
const TILE_UNITS: u32 = TILE_OUTPUTS / MATRICES;
const SIDE: u32 = 8u;
const OUTPUTS: u32 = TILE_OUTPUTS / SIDE;
const UNITS: u32 = TILE_UNITS / SIDE;
const INPUTS: u32 = TILE_ROWS / SIDE;
const STEP_VECTORS: u32 = STEP_SPANS * SPAN_VECTORS;

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, cols / 4]

var<workgroup> tile_weights: array<vec4<f32>, STEP_VECTORS * TILE_OUTPUTS>;
var<workgroup> tile_inputs: array<vec4<f32>, STEP_VECTORS * TILE_ROWS>;

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
  let count = work_count(item);
  let first_unit = (group.y * groups.x + group.x) * TILE_UNITS;
  let column = index % SIDE;
  let line = index / SIDE;
  var sums: array<f32, OUTPUTS * INPUTS>;
  for (var start = 0u; start < ROW_SPANS; start += STEP_SPANS) {
    // A bound that compilers do not know: with the loop over vectors unrolled, some take three times as long.
    let spans = min(STEP_SPANS, ROW_SPANS - start);
    for (var i = index; i < TILE_OUTPUTS * STEP_SPANS; i += WORKGROUP_SIZE) {
      let output = i / STEP_SPANS;
      let span = i % STEP_SPANS;
      if (span >= spans) {
        continue;
      }
      // What lies beyond the matrix is computed from its last row and not written.
      let unit = min(first_unit + output % TILE_UNITS, MATRIX_ROWS - 1u);
      var weights = load_span(unit_row(item, unit, output / TILE_UNITS), start + span);
      for (var v = 0u; v < SPAN_VECTORS; v++) {
        tile_weights[(span * SPAN_VECTORS + v) * TILE_OUTPUTS + output] = weights[v];
      }
    }
    for (var i = index; i < count * STEP_VECTORS; i += WORKGROUP_SIZE) {
      let span = start + i % STEP_VECTORS / SPAN_VECTORS;
      let at = span_vector(min(span, ROW_SPANS - 1u), i % SPAN_VECTORS);
      let row = i / STEP_VECTORS;
      tile_inputs[i % STEP_VECTORS * TILE_ROWS + row] = x[input_row(item, row) * ROW_VECTORS + at];
    }
    workgroupBarrier();
    for (var v = 0u; v < spans * SPAN_VECTORS; v++) {
      var weights: array<vec4<f32>, OUTPUTS>;
      for (var o = 0u; o < OUTPUTS; o++) {
        weights[o] = tile_weights[v * TILE_OUTPUTS + o * SIDE + column];
      }
      for (var t = 0u; t < INPUTS; t++) {
        if (t * SIDE < count) {
          let value = tile_inputs[v * TILE_ROWS + t * SIDE + line];
          for (var o = 0u; o < OUTPUTS; o++) {
            sums[t * OUTPUTS + o] += dot(weights[o], value);
          }
        }
      }
    }
    workgroupBarrier();
  }
  for (var t = 0u; t < INPUTS; t++) {
    let row = t * SIDE + line;
    for (var u = 0u; u < UNITS; u++) {
      let unit = first_unit + u * SIDE + column;
      if (row < count && unit < MATRIX_ROWS) {
        var results: array<f32, MATRICES>;
        for (var m = 0u; m < MATRICES; m++) {
          results[m] = sums[t * OUTPUTS + m * UNITS + u];
        }
        finish(item, row, unit, results);
      }
    }
  }
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

// out = W · x of each work item's expert, every entry into a row of its own; ENTRIES_PER_INPUT entries share a row of
// x. Records lie SLOTS_PER_PIECE to a piece.
const ABSENT: u32 = 0xffffffffu;
const MATRICES: u32 = 1u;

@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [entries, MATRIX_ROWS]

fn has_work(item: u32) -> bool {
  return work_slot(item) != ABSENT;
}

fn input_row(item: u32, t: u32) -> u32 {
  return work_entry(item, t) / ENTRIES_PER_INPUT;
}

fn unit_row(item: u32, unit: u32, matrix: u32) -> MatrixRow {
  let slot = work_slot(item);
  return matrix_row(slot / SLOTS_PER_PIECE, (slot % SLOTS_PER_PIECE) * RECORD_BYTES + MATRIX_OFFSET, unit);
}

fn finish(item: u32, t: u32, unit: u32, results: array<f32, MATRICES>) {
  let at = work_entry(item, t) * MATRIX_ROWS + unit;
  out[at] = gated(at, results[0]);
}
