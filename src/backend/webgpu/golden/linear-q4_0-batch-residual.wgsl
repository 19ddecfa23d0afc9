enable f16;

const WORKGROUP_SIZE: u32 = 64u;
const TILE_OUTPUTS: u32 = 32u;
const TILE_ROWS: u32 = 32u;
const STEP_SPANS: u32 = 1u;
const MATRIX_ROWS: u32 = 2048u;
const ROW_SPANS: u32 = 128u;
const PLANE_OFFSETS: vec4<u32> = vec4<u32>(0u, 4194304u, 0u, 0u);
const PLANE_ROW_BYTES: vec4<u32> = vec4<u32>(2048u, 256u, 0u, 0u);
const OUT_WIDTH: u32 = 2048u;
const OUT_OFFSET: u32 = 0u;
const OUT_SCALE: f32 = 1f;
const SPAN_VECTORS: u32 = 8u;

// What changes from one pass to the next.
struct Batch {
  rows: u32,
  // Of the first row, in the context.
  position: u32,
}

@group(0) @binding(0) var<uniform> batch: Batch;

// All rows of the batch, TILE_ROWS to a work item.
fn work_count(item: u32) -> u32 {
  return min(TILE_ROWS, batch.rows - item * TILE_ROWS);
}

@group(0) @binding(3) var<storage, read> residual: array<f32>; // [rows, OUT_WIDTH]

fn with_residual(index: u32, value: f32) -> f32 {
  return residual[index] + value;
}

@group(0) @binding(7) var<storage, read> bias: array<f32>; // [OUT_WIDTH]

fn with_bias(output: u32, value: f32) -> f32 {
  return value + bias[output];
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

// Blocks of 32 four-bit values, offset by 8, and one f16 scale; one block a span. Byte j holds element j in its
// low nibble and element j + 16 in its high one.
fn scaled(word: u32, shift: u32, d: f32) -> vec4<f32> {
  return d * (vec4<f32>(byte_bits(word, shift, 15u)) - 8.0);
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.planes.x + 16u * span);
  let d = load_half(row.piece, row.planes.y + 2u * span);
  return Span(
    scaled(words.x, 0u, d), scaled(words.y, 0u, d),
    scaled(words.z, 0u, d), scaled(words.w, 0u, d),
    scaled(words.x, 4u, d), scaled(words.y, 4u, d),
    scaled(words.z, 4u, d), scaled(words.w, 4u, d),
  );
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
