/**
 * The adaptive policy: how likely is each expert to be picked soon, from what this layer did so far. Three
 * estimates, all learnt from the event stream itself:
 *
 * ```
 * recent  [layers × experts] f64           picks, decaying by 0.97 a token: what this text is about
 * usual   [layers × experts] f64           share of tokens, decaying by 0.998: what this model likes
 * follows [layers × experts × experts] f32 row a: how often b was picked on the token after a was
 * leads   [layers × experts] f64           how often a was followed by anything
 * last    [layers × experts] u32           picks of the layer's last token
 * counts  [layers] u32                     how many
 * ```
 *
 *   score(b) = recent(b) + FOLLOWS · Σ_{a ∈ last} (follows(a, b) + PRIOR · usual(b)) / (leads(a) + PRIOR)
 *
 * The fraction is the estimate of P(b next | a now) that a Dirichlet prior of weight PRIOR on `usual` gives.
 * A model of so many experts that `follows` would not fit MAX_FOLLOWS_BYTES goes by `recent` alone.
 */

const RECENT_DECAY: f64 = 0.97;
const USUAL_DECAY: f64 = 0.998;
const FOLLOWS_DECAY: f64 = 0.995;
const FOLLOWS: f64 = 3;
const PRIOR: f64 = 2;

const MAX_FOLLOWS_BYTES: usize = 33554432;

let experts: usize = 0;
let scores: usize = 0;
let recents: usize = 0;
let usuals: usize = 0;
let leads: usize = 0;
let lasts: usize = 0;
let counts: usize = 0;
/** 0 if there is no room for it. */
let follows: usize = 0;

function followsBytes(layerCount: u32, expertCount: u32): usize {
  const bytes = ((layerCount as u64) * (expertCount as u64) * (expertCount as u64)) << 2;
  return bytes > (MAX_FOLLOWS_BYTES as u64) ? 0 : (bytes as usize);
}

export function adaptiveBytes(layerCount: u32, expertCount: u32): usize {
  const entries = (layerCount as usize) * (expertCount as usize);
  return entries * 28 + ((layerCount as usize) << 2) + followsBytes(layerCount, expertCount);
}

/** `area` is zeroed and holds `adaptiveBytes`; `scoreTable` [layers × experts] f64 is the policy's to write. */
export function adaptiveReset(scoreTable: usize, area: usize, layerCount: u32, expertCount: u32): void {
  const table = ((layerCount as usize) * (expertCount as usize)) << 3;
  experts = expertCount as usize;
  scores = scoreTable;
  recents = area;
  usuals = recents + table;
  leads = usuals + table;
  lasts = leads + table;
  counts = lasts + (table >> 1);
  follows = followsBytes(layerCount, expertCount) == 0 ? 0 : counts + ((layerCount as usize) << 2);
  for (let at: usize = 0; at < table; at += 8) store<f64>(usuals + at, 1.0 / (expertCount as f64));
}

export function adaptiveObserve(layer: u32, ids: usize, rows: u32, k: u32): void {
  const pickBytes = (k as usize) << 2;
  for (let token: u32 = 0; token < rows; token++) observe(layer, ids + (token as usize) * pickBytes, k);
  if (rows > 0) rate(layer);
}

function pick(picks: usize, rank: u32): usize {
  return load<u32>(picks + ((rank as usize) << 2)) as usize;
}

function observe(layer: u32, picks: usize, k: u32): void {
  const first = (layer as usize) * experts;
  const last = lasts + (first << 2);
  const countAt = counts + ((layer as usize) << 2);
  const lastCount = load<u32>(countAt);
  if (follows != 0) {
    for (let i: u32 = 0; i < lastCount; i++) {
      const a = first + pick(last, i);
      const row = follows + ((a * experts) << 2);
      for (let b: usize = 0; b < experts; b++) {
        store<f32>(row + (b << 2), ((load<f32>(row + (b << 2)) as f64) * FOLLOWS_DECAY) as f32);
      }
      for (let rank: u32 = 0; rank < k; rank++) {
        const at = row + (pick(picks, rank) << 2);
        store<f32>(at, ((load<f32>(at) as f64) + 1) as f32);
      }
      const leadAt = leads + (a << 3);
      store<f64>(leadAt, load<f64>(leadAt) * FOLLOWS_DECAY + 1);
    }
  }
  const recent = recents + (first << 3);
  const usual = usuals + (first << 3);
  for (let at: usize = 0; at < experts << 3; at += 8) {
    store<f64>(recent + at, load<f64>(recent + at) * RECENT_DECAY);
    store<f64>(usual + at, load<f64>(usual + at) * USUAL_DECAY);
  }
  for (let rank: u32 = 0; rank < k; rank++) {
    const at = pick(picks, rank) << 3;
    store<f64>(recent + at, load<f64>(recent + at) + 1);
    store<f64>(usual + at, load<f64>(usual + at) + (1 - USUAL_DECAY));
  }
  // Ids are distinct within a token, so k never exceeds the layer's room.
  memory.copy(last, picks, (k as usize) << 2);
  store<u32>(countAt, k);
}

function rate(layer: u32): void {
  const first = (layer as usize) * experts;
  const last = lasts + (first << 2);
  const lastCount = load<u32>(counts + ((layer as usize) << 2));
  for (let b: usize = 0; b < experts; b++) {
    const at = (first + b) << 3;
    let score = load<f64>(recents + at);
    if (follows != 0) {
      const prior = PRIOR * load<f64>(usuals + at);
      let sum: f64 = 0;
      for (let i: u32 = 0; i < lastCount; i++) {
        const a = first + pick(last, i);
        const seen = load<f32>(follows + ((a * experts + b) << 2)) as f64;
        sum += (seen + prior) / (load<f64>(leads + (a << 3)) + PRIOR);
      }
      score += FOLLOWS * sum;
    }
    store<f64>(scores + at, score);
  }
}
