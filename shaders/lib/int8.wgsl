// The int8 profile: 32 numbers of x become bytes of −127 to 127 and a scale, and products are of integers, as in
// asm/compute/int8. A weight is S·c + M, where its code c is an integer, so that 32 of them times 32 of x are
// (S·d) · Σ c·q + M · (d · Σ q), the sums exact in any order. A span is such a block of 32 neighbours.
const BLOCK_WORDS: u32 = 8u;

// Scales below this are 0 in effect, and 127 divided by them may be infinite.
const LEAST: f32 = 1e-30f;

alias Codes = array<u32, BLOCK_WORDS>;

struct WeightBlock {
  // Four signed bytes a word, in the order of elements.
  codes: Codes,
  // S and M.
  units: vec2<f32>,
}

struct InputBlock {
  quants: Codes,
  // d and d · Σ q.
  units: vec2<f32>,
}

fn quantize(source: u32) -> InputBlock {
  var values: array<vec4<f32>, BLOCK_WORDS>;
  var largest = vec4<f32>();
  for (var i = 0u; i < BLOCK_WORDS; i++) {
    values[i] = x[source + i];
    largest = max(largest, abs(values[i]));
  }
  let most = max(max(largest.x, largest.y), max(largest.z, largest.w));
  var inverse = 0.0;
  if (most > LEAST) {
    inverse = 127.0 / most;
  }
  var block: InputBlock;
  var sum = 0;
  for (var i = 0u; i < BLOCK_WORDS; i++) {
    block.quants[i] = pack4xI8(vec4<i32>(round(values[i] * inverse)));
    sum += dot4I8Packed(block.quants[i], 0x01010101u);
  }
  let d = most / 127.0;
  block.units = vec2<f32>(d, d * f32(sum));
  return block;
}

fn block_product(weights: WeightBlock, input: InputBlock) -> f32 {
  var sum = 0;
  for (var i = 0u; i < BLOCK_WORDS; i++) {
    sum += dot4I8Packed(weights.codes[i], input.quants[i]);
  }
  return f32(sum) * (weights.units.x * input.units.x) + weights.units.y * input.units.y;
}
