const WORKGROUP_SIZE: u32 = 256u;
const CANDIDATES: u32 = 2496u;

// What changes from one sampled token to the next.
struct Sampling {
  temperature: f32,
  top_p: f32,
  // log(minP), or the lowest number to keep all.
  min_p_log: f32,
  repeat_penalty: f32,
  // Uniform in [0, 1).
  random: f32,
  // Candidates that top-k keeps, at most KEPT; 1 is greedy.
  kept: u32,
  penalized_count: u32,
}

@group(0) @binding(0) var<uniform> sampling: Sampling;

// The best KEPT of any number of (logit, id) candidates by one workgroup: descending logit, lowest id first on
// ties. A bitonic sort of SORTED candidates at a time, the best of the last run among them.
const SORTED: u32 = 1024u;
const KEPT: u32 = 64u;
const LOWEST: f32 = -3.4e38;
const NOBODY: u32 = 0xffffffffu;

var<workgroup> sorted_logits: array<f32, SORTED>;
var<workgroup> sorted_ids: array<u32, SORTED>;

fn comes_before(a: u32, b: u32) -> bool {
  return sorted_logits[a] > sorted_logits[b]
    || (sorted_logits[a] == sorted_logits[b] && sorted_ids[a] < sorted_ids[b]);
}

// `length`: how many, a power of two.
fn sort_candidates(length: u32, index: u32) {
  for (var size = 2u; size <= length; size *= 2u) {
    for (var stride = size / 2u; stride > 0u; stride /= 2u) {
      workgroupBarrier();
      for (var pair = index; pair < length / 2u; pair += WORKGROUP_SIZE) {
        let a = pair / stride * stride * 2u + pair % stride;
        let b = a + stride;
        if (comes_before(b, a) == ((a & size) == 0u)) {
          let logit = sorted_logits[a];
          let id = sorted_ids[a];
          sorted_logits[a] = sorted_logits[b];
          sorted_ids[a] = sorted_ids[b];
          sorted_logits[b] = logit;
          sorted_ids[b] = id;
        }
      }
    }
  }
  workgroupBarrier();
}

// Leaves the best of candidates [first, end) in sorted_logits, sorted_ids [0, KEPT), sorted.
fn keep_best(first: u32, end: u32, index: u32) {
  var next = first;
  var kept = 0u;
  while (next < end) {
    let candidates_left = min(SORTED, kept + end - next);
    let length = max(KEPT, 1u << (32u - countLeadingZeros(candidates_left - 1u)));
    for (var i = kept + index; i < length; i += WORKGROUP_SIZE) {
      let source = next + i - kept;
      sorted_logits[i] = LOWEST;
      sorted_ids[i] = NOBODY;
      if (source < end) {
        sorted_logits[i] = candidate_logit(source);
        sorted_ids[i] = candidate_id(source);
      }
    }
    sort_candidates(length, index);
    next += SORTED - kept;
    kept = KEPT;
  }
}

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
