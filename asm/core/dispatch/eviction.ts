import { adaptiveBytes, adaptiveObserve, adaptiveReset } from "./adaptive";

/**
 * Which expert of a full layer goes: the one with the lowest score, ties to the lowest id. A policy is what it
 * makes of one stream of events, the picks of every token in every layer; scores are kept up to date as tokens
 * are observed, so that choosing who goes is a walk over ready numbers. Numbers are f64 and every operation on
 * them is one that JavaScript has too, so that a trace replays to the same bits anywhere.
 *
 * ```
 * scores   [layers × experts] f64
 * clocks   [layers] f64       picks observed (LRU, LRU-2)
 * earlier  [layers × experts] LRU-2: the use before the last
 * adaptive tables             (adaptive.ts)
 * ```
 */

/** The codes that src/wasm/core-slots.ts knows. */
export const LRU: u32 = 0;
export const LFU: u32 = 1;
export const LRU_2: u32 = 2;
export const ADAPTIVE: u32 = 3;

/** What a use counts for after each further token: half after 23. */
const FREQUENCY_DECAY: f64 = 0.97;

/** Lifts what LRU-2 has a distance for above what was used once; 2⁵², so that clocks stay exact. */
const USED_TWICE: f64 = 4503599627370496.0;

let policy: u32 = LRU;
let experts: u32 = 0;
let scores: usize = 0;
let clocks: usize = 0;
let earlier: usize = 0;

function tableBytes(layerCount: u32, expertCount: u32): usize {
  return ((layerCount as usize) * (expertCount as usize)) << 3;
}

export function evictionBytes(kind: u32, layerCount: u32, expertCount: u32): usize {
  const table = tableBytes(layerCount, expertCount);
  if (kind == LFU) return table;
  if (kind == ADAPTIVE) return table + adaptiveBytes(layerCount, expertCount);
  return table + ((layerCount as usize) << 3) + (kind == LRU_2 ? table : 0);
}

export function evictionReset(kind: u32, area: usize, layerCount: u32, expertCount: u32): void {
  const table = tableBytes(layerCount, expertCount);
  policy = kind;
  experts = expertCount;
  scores = area;
  clocks = scores + table;
  earlier = clocks + ((layerCount as usize) << 3);
  memory.fill(area, 0, evictionBytes(kind, layerCount, expertCount));
  if (kind == ADAPTIVE) adaptiveReset(scores, scores + table, layerCount, expertCount);
}

export function evictionScore(layer: u32, expert: u32): f64 {
  return load<f64>(scoreAt(layer, expert));
}

function scoreAt(layer: u32, expert: u32): usize {
  return scores + (((layer as usize) * (experts as usize) + (expert as usize)) << 3);
}

/**
 * The picks of `rows` tokens of a layer, in their order: `tokens` [rows] u32 their ids, `ids` [rows, k] u32 below the
 * number of experts and distinct within a token, the best pick of a token first; `weights` [rows, k] f32.
 */
export function evictionObserve(
  layer: u32,
  tokens: usize,
  ids: usize,
  weights: usize,
  rows: u32,
  k: u32,
): void {
  if (policy == ADAPTIVE) {
    adaptiveObserve(layer, tokens, ids, weights, rows, k);
    return;
  }
  for (let token: u32 = 0; token < rows; token++) {
    const picks = ids + (((token as usize) * (k as usize)) << 2);
    if (policy == LFU) observeFrequency(layer, picks, k);
    else observeRecency(layer, picks, k);
  }
}

function observeFrequency(layer: u32, picks: usize, k: u32): void {
  for (let expert: u32 = 0; expert < experts; expert++) {
    const at = scoreAt(layer, expert);
    store<f64>(at, load<f64>(at) * FREQUENCY_DECAY);
  }
  for (let rank: u32 = 0; rank < k; rank++) {
    const at = scoreAt(layer, load<u32>(picks + ((rank as usize) << 2)));
    store<f64>(at, load<f64>(at) + 1);
  }
}

/** The best pick counts as the last used one. */
function observeRecency(layer: u32, picks: usize, k: u32): void {
  const clockAt = clocks + ((layer as usize) << 3);
  let clock = load<f64>(clockAt);
  for (let rank = k; rank-- > 0; ) {
    const expert = load<u32>(picks + ((rank as usize) << 2));
    const at = scoreAt(layer, expert);
    clock += 1;
    if (policy == LRU) {
      store<f64>(at, clock);
      continue;
    }
    // The score is the use before the last one; `earlier` holds the last.
    const lastAt = earlier + (at - scores);
    const last = load<f64>(lastAt);
    store<f64>(at, last == 0 ? clock : USED_TWICE + last);
    store<f64>(lastAt, clock);
  }
  store<f64>(clockAt, clock);
}
