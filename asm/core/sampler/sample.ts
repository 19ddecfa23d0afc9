import { sortCandidates, topCandidates } from "./candidates";

/**
 * llama.cpp's default chain: penalties → top-k → top-p → min-p → temperature → draw. For a twin on another
 * device, the f32 operations in order (exp and log: f32 in, f32 out, computed as accurately as the device can):
 *
 *  1. penalty of every distinct penalised token: l = l ≤ 0 ? l · penalty : l / penalty
 *  2. candidates c[0..n): the topK highest l, descending, lowest id first on ties; topK 0 takes all. NaN is -∞.
 *     Temperature ≤ 0 returns c[0].
 *  3. top-p, if topP < 1: e[i] = exp(c[i] - c[0]); S = Σ e[i]; keep up to and with the first i where
 *     Σ_{j≤i} (e[j] / S) ≥ topP
 *  4. min-p, if minP > 0: keep c[0] and the c[i] ≥ c[0] + log(minP)
 *  5. draw: e[i] = exp((c[i] - c[0]) / temperature); S = Σ e[i]; the first i where Σ_{j≤i} e[j] > random · S,
 *     else (random rounded up to 1) the last whose e is not 0
 *
 * Sums ascend in i, in blocks of 64: a running sum is (total of whole blocks) + (sum inside the block), each
 * f32. Up to 64 candidates that is the plain running sum; over a whole vocabulary it keeps the small terms.
 */

const BLOCK: u32 = 64;

/** Above this many candidates one radix sort of the vocabulary is cheaper than a heap. */
const HEAP_LIMIT: u32 = 1024;

function logitOf(candidate: u64): f32 {
  const ordered = ~(candidate >> 32) as u32;
  return reinterpret<f32>(ordered & 0x80000000 ? ordered ^ 0x80000000 : ~ordered);
}

/** Ascending u64 order of the result is descending logit, then ascending id. */
function candidateOf(logit: f32, id: u32): u64 {
  // -0 ties with 0.
  const value: f32 = logit == logit ? logit + 0 : -Infinity;
  const bits = reinterpret<u32>(value);
  const ordered = bits & 0x80000000 ? ~bits : bits ^ 0x80000000;
  return ((~ordered as u64) << 32) | (id as u64);
}

function candidateAt(candidates: usize, i: u32): u64 {
  return load<u64>(candidates + ((i as usize) << 3));
}

function expAt(candidates: usize, i: u32, peak: f32, temperature: f32): f32 {
  return Mathf.exp((logitOf(candidateAt(candidates, i)) - peak) / temperature);
}

function expSum(candidates: usize, count: u32, peak: f32, temperature: f32): f32 {
  let blocks: f32 = 0;
  let inside: f32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    inside += expAt(candidates, i, peak, temperature);
    if ((i & (BLOCK - 1)) == BLOCK - 1) {
      blocks += inside;
      inside = 0;
    }
  }
  return blocks + inside;
}

function penalize(logits: usize, count: u32, penalized: usize, penalizedCount: u32, penalty: f32): void {
  for (let i: u32 = 0; i < penalizedCount; i++) {
    const id = load<u32>(penalized + ((i as usize) << 2));
    if (id >= count) continue;
    const at = logits + ((id as usize) << 2);
    const logit = load<f32>(at);
    store<f32>(at, logit <= 0 ? logit * penalty : logit / penalty);
  }
}

function argmax(logits: usize, count: u32): u32 {
  let winner: u32 = 0;
  let top: f32 = -Infinity;
  for (let id: u32 = 0; id < count; id++) {
    const logit = load<f32>(logits + ((id as usize) << 2));
    if (logit > top) {
      top = logit;
      winner = id;
    }
  }
  return winner;
}

/** How many of `count` sorted candidates top-p keeps. */
function keepTopP(candidates: usize, count: u32, topP: f32, peak: f32): u32 {
  const sum = expSum(candidates, count, peak, 1);
  let blocks: f32 = 0;
  let inside: f32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    inside += expAt(candidates, i, peak, 1) / sum;
    if (blocks + inside >= topP) return i + 1;
    if ((i & (BLOCK - 1)) == BLOCK - 1) {
      blocks += inside;
      inside = 0;
    }
  }
  return count;
}

function draw(candidates: usize, count: u32, peak: f32, temperature: f32, random: f32): u32 {
  const target = random * expSum(candidates, count, peak, temperature);
  let blocks: f32 = 0;
  let inside: f32 = 0;
  let possible: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const e = expAt(candidates, i, peak, temperature);
    inside += e;
    if (e > 0) possible = i;
    if (blocks + inside > target) break;
    if ((i & (BLOCK - 1)) == BLOCK - 1) {
      blocks += inside;
      inside = 0;
    }
  }
  return candidateAt(candidates, possible) as u32;
}

/** Bytes of scratch that `sample` needs. */
export function sampleScratchBytes(count: u32): usize {
  return (count as usize) << 4;
}

/** Picks a token from `logits` [count], which the penalties change. `count` ≥ 1. */
export function sample(
  logits: usize,
  count: u32,
  penalized: usize,
  penalizedCount: u32,
  penalty: f32,
  topK: u32,
  topP: f32,
  minP: f32,
  temperature: f32,
  random: f32,
  scratch: usize,
): u32 {
  penalize(logits, count, penalized, penalizedCount, penalty);
  if (!(temperature > 0)) return argmax(logits, count);
  for (let id: u32 = 0; id < count; id++) {
    const at = (id as usize) << 2;
    store<u64>(scratch + (at << 1), candidateOf(load<f32>(logits + at), id));
  }
  let kept = topK == 0 ? count : min(topK, count);
  if (kept <= HEAP_LIMIT) topCandidates(scratch, count, kept);
  else sortCandidates(scratch, count, scratch + ((count as usize) << 3));
  const peak = logitOf(candidateAt(scratch, 0));
  // An infinite peak leaves no distribution to draw from.
  if (abs(peak) == Infinity) return candidateAt(scratch, 0) as u32;
  if (topP < 1) kept = keepTopP(scratch, kept, topP, peak);
  if (minP > 0) {
    const least = peak + Mathf.log(minP);
    let n: u32 = 1;
    while (n < kept && logitOf(candidateAt(scratch, n)) >= least) n++;
    kept = n;
  }
  return draw(scratch, kept, peak, temperature, random);
}
