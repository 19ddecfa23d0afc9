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
