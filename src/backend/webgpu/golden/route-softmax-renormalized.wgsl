const WORKGROUP_SIZE: u32 = 256u;
const EXPERT_COUNT: u32 = 128u;
const EXPERTS_PER_TOKEN: u32 = 8u;
const SCORE: u32 = 1u;
const WEIGHTS: u32 = 1u;
const WEIGHT_SCALE: f32 = 1f;

// Picks the top EXPERTS_PER_TOKEN experts of the one row, highest score first and ties to the lowest id, and looks
// up their slots. Twin of the router interpreter in core.wasm; sums run in the same order as there.
// What SCORE and WEIGHTS may be besides 0: scores and weights as they are.
const SCORE_SOFTMAX: u32 = 1u;
const SCORE_SIGMOID: u32 = 2u;
const WEIGHTS_RENORMALIZED: u32 = 1u;
const WEIGHTS_SOFTMAX: u32 = 2u;

// The smallest normal f16: what llama.cpp clamps the sum of selected scores to before it divides.
const LEAST_SUM: f32 = 0x1p-14f;

@group(0) @binding(1) var<storage, read> logits: array<f32>; // [EXPERT_COUNT]
@group(0) @binding(2) var<storage, read_write> selection: array<vec4<u32>>; // [EXPERTS_PER_TOKEN] id, weight bits, slot, 0
@group(0) @binding(3) var<storage, read> slot_table: array<u32>; // [EXPERT_COUNT] slot or ABSENT

var<workgroup> scores: array<f32, EXPERT_COUNT>;
var<workgroup> picked: array<u32, EXPERTS_PER_TOKEN>;

fn score_softmax(index: u32) {
  var highest = scores[0];
  for (var e = 1u; e < EXPERT_COUNT; e++) {
    highest = max(highest, scores[e]);
  }
  workgroupBarrier();
  for (var e = index; e < EXPERT_COUNT; e += WORKGROUP_SIZE) {
    scores[e] = exp(scores[e] - highest);
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var e = 0u; e < EXPERT_COUNT; e++) {
    sum += scores[e];
  }
  workgroupBarrier();
  for (var e = index; e < EXPERT_COUNT; e += WORKGROUP_SIZE) {
    scores[e] /= sum;
  }
}

fn score_sigmoid(index: u32) {
  for (var e = index; e < EXPERT_COUNT; e += WORKGROUP_SIZE) {
    scores[e] = 1.0 / (1.0 + exp(clamp(-scores[e], -80.0, 80.0)));
  }
}

fn write_selection() {
  var weights: array<f32, EXPERTS_PER_TOKEN>;
  let highest = scores[picked[0]];
  var sum = 0.0;
  for (var rank = 0u; rank < EXPERTS_PER_TOKEN; rank++) {
    weights[rank] = scores[picked[rank]];
    if (WEIGHTS == WEIGHTS_SOFTMAX) {
      weights[rank] = exp(weights[rank] - highest);
    }
    sum += weights[rank];
  }
  var divisor = 1.0;
  if (WEIGHTS == WEIGHTS_RENORMALIZED) {
    divisor = max(sum, LEAST_SUM);
  } else if (WEIGHTS == WEIGHTS_SOFTMAX) {
    divisor = sum;
  }
  for (var rank = 0u; rank < EXPERTS_PER_TOKEN; rank++) {
    let expert = picked[rank];
    let weight = weights[rank] / divisor * WEIGHT_SCALE;
    selection[rank] = vec4<u32>(expert, bitcast<u32>(weight), slot_table[expert], 0u);
  }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) index: u32) {
  for (var e = index; e < EXPERT_COUNT; e += WORKGROUP_SIZE) {
    scores[e] = logits[e];
  }
  workgroupBarrier();
  if (SCORE == SCORE_SOFTMAX) {
    score_softmax(index);
  } else if (SCORE == SCORE_SIGMOID) {
    score_sigmoid(index);
  }
  workgroupBarrier();
  // An expert's rank is the number of experts before it: exact on ties, and without a loop over picks.
  for (var e = index; e < EXPERT_COUNT; e += WORKGROUP_SIZE) {
    let score = scores[e];
    var rank = 0u;
    for (var other = 0u; other < EXPERT_COUNT; other++) {
      let better = scores[other] > score || (scores[other] == score && other < e);
      rank += select(0u, 1u, better);
    }
    if (rank < EXPERTS_PER_TOKEN) {
      picked[rank] = e;
    }
  }
  workgroupBarrier();
  if (index == 0u) {
    write_selection();
  }
}
