enable f16;

enable subgroups;

const WORKGROUP_SIZE: u32 = 64u;
const LANES: u32 = 32u;
const OUTPUTS: u32 = 2u;
const TILE_ROWS: u32 = 8u;
const MATRIX_ROWS: u32 = 2048u;
const ROW_SPANS: u32 = 128u;
const PLANE_OFFSETS: vec4<u32> = vec4<u32>(0u, 4194304u, 0u, 0u);
const PLANE_ROW_BYTES: vec4<u32> = vec4<u32>(2048u, 256u, 0u, 0u);
const OUT_WIDTH: u32 = 2048u;
const OUT_OFFSET: u32 = 0u;
const OUT_SCALE: f32 = 1f;
const SPAN_VECTORS: u32 = 8u;
const SUBGROUP_LANES: u32 = 32u;

// What changes from one pass to the next.
struct Batch {
  rows: u32,
  // Of the first row, in the context.
  position: u32,
}

@group(0) @binding(0) var<uniform> batch: Batch;

// A matrix times all rows of the batch, TILE_ROWS at a time.
fn tile_count(tile: u32) -> u32 {
  return min(TILE_ROWS, batch.rows - tile * TILE_ROWS);
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

// out = [residual +] OUT_SCALE · (W · x [+ bias]) for the matrix rows that lie in this piece of W.
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [rows, OUT_WIDTH]

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let team = (group.y * groups.x + group.x) * (WORKGROUP_SIZE / LANES) + index / LANES;
  let first_output = team * OUTPUTS;
  let first_row = group.z * TILE_ROWS;
  let count = tile_count(group.z);
  // What lies beyond the matrix or the batch is computed from the last valid row and not written.
  var rows: array<MatrixRow, OUTPUTS>;
  for (var o = 0u; o < OUTPUTS; o++) {
    rows[o] = matrix_row(0u, 0u, min(first_output + o, MATRIX_ROWS - 1u));
  }
  var inputs: array<u32, TILE_ROWS>;
  for (var t = 0u; t < TILE_ROWS; t++) {
    inputs[t] = first_row + min(t, count - 1u);
  }
  var sums = tile_dots(rows, inputs, index);
  for (var o = 0u; o < OUTPUTS; o++) {
    for (var t = 0u; t < TILE_ROWS; t++) {
      let mine = (o * TILE_ROWS + t) % LANES == index % LANES;
      if (mine && t < count && first_output + o < MATRIX_ROWS) {
        let output = OUT_OFFSET + first_output + o;
        let at = (first_row + t) * OUT_WIDTH + output;
        out[at] = with_residual(at, OUT_SCALE * with_bias(output, sums[o * TILE_ROWS + t]));
      }
    }
  }
}
