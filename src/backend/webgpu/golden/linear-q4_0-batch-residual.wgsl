enable f16;

enable subgroups;

const WORKGROUP_SIZE: u32 = 64u;
const LANES: u32 = 32u;
const OUTPUTS: u32 = 2u;
const TILE_ROWS: u32 = 8u;
const MATRIX_ROWS: u32 = 2048u;
const ROW_SPANS: u32 = 128u;
const ROW_SCALES: u32 = 128u;
const SCALES_OFFSET: u32 = 2097152u;
const OUT_WIDTH: u32 = 2048u;
const OUT_OFFSET: u32 = 0u;
const OUT_SCALE: f32 = 1f;
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
@group(0) @binding(8) var<storage, read> weights_0: array<vec4<u32>>; // packed matrices, 16 bytes an element

fn load_words(piece: u32, index: u32) -> vec4<u32> {
  return weights_0[index];
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

// f16 → f32 by the hardware; chosen only where a probe found subnormals intact.
fn halves_to_floats(word: u32) -> vec2<f32> {
  return vec2<f32>(bitcast<vec2<f16>>(word));
}

fn half_to_float(bits: u32) -> f32 {
  return halves_to_floats(bits).x;
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

// Blocks of 32 four-bit values, offset by 8, and one f16 scale; one block a span. Byte j holds element j in its
// low nibble and element j + 16 in its high one.
const SPAN_VECTORS: u32 = 8u;

fn nibbles(word: u32, shift: u32) -> vec4<f32> {
  return vec4<f32>((vec4<u32>(word) >> (vec4<u32>(0u, 8u, 16u, 24u) + shift)) & vec4<u32>(15u)) - 8.0;
}

fn load_span(row: MatrixRow, span: u32) -> Span {
  let words = load_words(row.piece, row.quants + span);
  return Span(
    load_scale(row.piece, row.scales + span),
    array(
      nibbles(words.x, 0u), nibbles(words.y, 0u), nibbles(words.z, 0u), nibbles(words.w, 0u),
      nibbles(words.x, 4u), nibbles(words.y, 4u), nibbles(words.z, 4u), nibbles(words.w, 4u),
    ),
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
