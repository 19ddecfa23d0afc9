/**
 * The interpreter of `RouterSpec`: what a top-k router computes, as data. All values are f32; every sum runs
 * in ascending order of expert (scores) or rank (weights), so that a twin on another device can agree.
 */

/** The codes of `RouterSpec.score`, `groups.score` and `weights`; the caller's table has the same order. */
const SCORE_SOFTMAX: u32 = 1;
const SCORE_SIGMOID: u32 = 2;
const GROUP_TOP2_SUM: u32 = 1;
const WEIGHTS_RENORMALIZED: u32 = 1;
const WEIGHTS_SOFTMAX: u32 = 2;

/** The smallest normal f16: what llama.cpp clamps the sum of selected scores to before it divides. */
const LEAST_SUM: f32 = 6.103515625e-5;

export function f32At(base: usize, index: u32): f32 {
  return load<f32>(base + ((index as usize) << 2));
}

export function setF32(base: usize, index: u32, value: f32): void {
  store<f32>(base + ((index as usize) << 2), value);
}

/** target = softmax(source), over `count` values; may be in place. */
function softmax(source: usize, target: usize, count: u32): void {
  let peak: f32 = -Infinity;
  for (let i: u32 = 0; i < count; i++) peak = max(peak, f32At(source, i));
  let sum: f32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const value = Mathf.exp(f32At(source, i) - peak);
    setF32(target, i, value);
    sum += value;
  }
  for (let i: u32 = 0; i < count; i++) setF32(target, i, f32At(target, i) / sum);
}

function score(kind: u32, logits: usize, scores: usize, experts: u32): void {
  if (kind == SCORE_SOFTMAX) {
    softmax(logits, scores, experts);
  } else if (kind == SCORE_SIGMOID) {
    for (let e: u32 = 0; e < experts; e++) {
      setF32(scores, e, (1 as f32) / ((1 as f32) + Mathf.exp(-f32At(logits, e))));
    }
  } else {
    memory.copy(scores, logits, (experts as usize) << 2);
  }
}

/** The highest value that is not taken, lowest index on ties; the lowest free index if all are -∞; `count` if all are taken. */
export function best(values: usize, taken: usize, count: u32): u32 {
  let winner = count;
  let top: f32 = -Infinity;
  for (let i: u32 = 0; i < count; i++) {
    if (load<u8>(taken + (i as usize))) continue;
    const value = f32At(values, i);
    if (winner == count || value > top) {
      winner = i;
      top = value;
    }
  }
  return winner;
}

/** Takes every expert outside the best `kept` of `count` groups. `scores` [count] f32, `out` [count] u8: scratch. */
function limitGroups(
  selection: usize,
  taken: usize,
  experts: u32,
  count: u32,
  kept: u32,
  kind: u32,
  scores: usize,
  out: usize,
): void {
  const size = experts / count;
  for (let group: u32 = 0; group < count; group++) {
    let first: f32 = -Infinity;
    let second: f32 = -Infinity;
    for (let e = group * size; e < (group + 1) * size; e++) {
      const value = f32At(selection, e);
      if (value > first) {
        second = first;
        first = value;
      } else if (value > second) {
        second = value;
      }
    }
    setF32(scores, group, kind == GROUP_TOP2_SUM && size > 1 ? first + second : first);
  }
  memory.fill(out, 0, count as usize);
  memory.fill(taken, 1, experts as usize);
  for (let i: u32 = 0; i < kept; i++) {
    const group = best(scores, out, count);
    store<u8>(out + (group as usize), 1);
    memory.fill(taken + ((group * size) as usize), 0, size as usize);
  }
}

/** Bytes of scratch that `route` needs. */
export function routeScratchBytes(experts: u32): usize {
  return (experts as usize) * 14;
}

/**
 * Decisions for `logits` [rows, experts]: `ids` and `weights` [rows, k], highest selection score first. `bias`
 * [experts] is added for selection only; 0 for none. A NaN counts as -∞. The caller has checked that k experts
 * can be had: k ≤ experts · groupKept / groupCount. `groupCount` 0 means no groups.
 */
export function route(
  logits: usize,
  rows: u32,
  experts: u32,
  k: u32,
  scoreKind: u32,
  bias: usize,
  groupCount: u32,
  groupKept: u32,
  groupScore: u32,
  weightKind: u32,
  scale: f32,
  ids: usize,
  weights: usize,
  scratch: usize,
): void {
  for (let r: u32 = 0; r < rows; r++) {
    rate(logits, experts, scoreKind, bias, groupCount, groupKept, groupScore, scratch);
    for (let rank: u32 = 0; rank < k; rank++) {
      const expert = take(experts, scratch);
      store<u32>(ids + ((rank as usize) << 2), expert);
      setF32(weights, rank, scoreOf(expert, scratch));
    }
    weigh(weights, k, weightKind, scale);
    logits += (experts as usize) << 2;
    ids += (k as usize) << 2;
    weights += (k as usize) << 2;
  }
}

/*
 * Scratch: scores [experts] f32, selection scores [experts] f32, group scores [experts] f32, taken [experts] u8,
 * groups out [experts] u8.
 */

/** The scores of one row of logits, and who may be selected. */
export function rate(
  logits: usize,
  experts: u32,
  scoreKind: u32,
  bias: usize,
  groupCount: u32,
  groupKept: u32,
  groupScore: u32,
  scratch: usize,
): void {
  const selection = selectionOf(experts, scratch);
  const groupScores = selection + ((experts as usize) << 2);
  const taken = takenOf(experts, scratch);
  score(scoreKind, logits, scratch, experts);
  for (let e: u32 = 0; e < experts; e++) {
    let value = f32At(scratch, e);
    if (bias != 0) value += f32At(bias, e);
    setF32(selection, e, value == value ? value : -Infinity);
  }
  if (groupCount > 0) {
    const out = taken + (experts as usize);
    limitGroups(selection, taken, experts, groupCount, groupKept, groupScore, groupScores, out);
  } else {
    memory.fill(taken, 0, experts as usize);
  }
}

export function scoreOf(expert: u32, scratch: usize): f32 {
  return f32At(scratch, expert);
}

export function selectionOf(experts: u32, scratch: usize): usize {
  return scratch + ((experts as usize) << 2);
}

export function takenOf(experts: u32, scratch: usize): usize {
  return scratch + (experts as usize) * 12;
}

/** The best expert that may still be selected, which then is. */
export function take(experts: u32, scratch: usize): u32 {
  const taken = takenOf(experts, scratch);
  const expert = best(selectionOf(experts, scratch), taken, experts);
  store<u8>(taken + (expert as usize), 1);
  return expert;
}

/** Scores [k] of what was selected become its weights. */
export function weigh(weights: usize, k: u32, weightKind: u32, scale: f32): void {
  let sum: f32 = 0;
  for (let rank: u32 = 0; rank < k; rank++) sum += f32At(weights, rank);
  if (weightKind == WEIGHTS_SOFTMAX) softmax(weights, weights, k);
  const divisor: f32 = weightKind == WEIGHTS_RENORMALIZED ? max(sum, LEAST_SUM) : 1;
  for (let rank: u32 = 0; rank < k; rank++) setF32(weights, rank, (f32At(weights, rank) / divisor) * scale);
}
