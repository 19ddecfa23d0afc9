// Top-k of the chunks' candidates, then top-p, min-p, temperature and the draw: the chain of core.wasm's sampler,
// operation by operation.
const NO_TOKEN: u32 = 0xffffffffu; // the likeliest logit is not a number

@group(0) @binding(1) var<storage, read> candidates: array<vec2<u32>>; // [CANDIDATES] logit bits, id
@group(0) @binding(2) var<storage, read_write> token: array<u32>; // [1]

fn candidate_logit(i: u32) -> f32 {
  return bitcast<f32>(candidates[i].x);
}

fn candidate_id(i: u32) -> u32 {
  return candidates[i].y;
}

fn odds(i: u32, temperature: f32) -> f32 {
  return exp((sorted_logits[i] - sorted_logits[0]) / temperature);
}

fn odds_sum(count: u32, temperature: f32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < count; i++) {
    sum += odds(i, temperature);
  }
  return sum;
}

// How many of `count` candidates top-p keeps.
fn keep_top_p(count: u32) -> u32 {
  let total = odds_sum(count, 1.0);
  var sum = 0.0;
  for (var i = 0u; i < count; i++) {
    sum += odds(i, 1.0) / total;
    if (sum >= sampling.top_p) {
      return i + 1u;
    }
  }
  return count;
}

fn keep_min_p(count: u32) -> u32 {
  let least = sorted_logits[0] + sampling.min_p_log;
  var kept = 1u;
  while (kept < count && sorted_logits[kept] >= least) {
    kept++;
  }
  return kept;
}

fn draw(count: u32) -> u32 {
  let threshold = sampling.random * odds_sum(count, sampling.temperature);
  var sum = 0.0;
  for (var i = 0u; i < count; i++) {
    sum += odds(i, sampling.temperature);
    if (sum > threshold) {
      return sorted_ids[i];
    }
  }
  return sorted_ids[count - 1u];
}

// By its bits: a compiler may take for granted that no float is infinite.
fn is_finite(value: f32) -> bool {
  return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) index: u32) {
  keep_best(0u, CANDIDATES, index);
  if (index > 0u) {
    return;
  }
  if (!is_finite(sorted_logits[0])) {
    token[0] = NO_TOKEN;
    return;
  }
  var kept = sampling.kept;
  if (kept > 1u) {
    if (sampling.top_p < 1.0) {
      kept = keep_top_p(kept);
    }
    kept = keep_min_p(kept);
  }
  if (kept > 1u) {
    token[0] = draw(kept);
  } else {
    token[0] = sorted_ids[0];
  }
}
