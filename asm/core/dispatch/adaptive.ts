/**
 * The adaptive policy: how likely is each expert to be picked soon, from what its layer did so far. All of it is
 * learnt from the event stream, per layer:
 *
 * ```
 * recent  [experts] f64           share of tokens that picked it, decaying by RECENT a token: what the text is about
 * usual   [experts] f64           the same, decaying by USUAL: what the model likes
 * context [experts] f64           routing weight it had just now, decaying by CONTEXT; sums to 1
 * trail   [experts] f64           its picks, decaying by HORIZON: whose consequences the next picks are
 * follows [experts × experts] f32 row a: picks of b while a was on the trail, by how strongly it was
 * heard   [experts] f64           how much of a's trail there was
 * last    [experts] u32           picks of the last token, and how many
 * next    [buckets × experts] u8  picks that came one token after a token id of the bucket; halved at 255
 * nexts   [buckets] u8            how many tokens that were
 * ```
 *
 *   score(b) = recent(b) + LIKING · usual(b) + FOLLOWING · Σ_a context(a) · (P(b | a) − usual(b))
 *              + NAMING · (P(b | token) − usual(b))
 *   P(b | a) = (follows(a, b) + PRIOR · usual(b)) / (heard(a) + PRIOR)
 *   P(b | token) likewise, from next and nexts
 *
 * An expert's row forgets by FORGETTING each time it is picked, so that P is that of the text at hand; a Dirichlet
 * prior of weight PRIOR holds it to `usual` until enough was heard. Constants were tuned by `npm run replay` on
 * texts that its figures leave out. A model of so many experts that `follows` would not fit MAX_FOLLOWS_BYTES goes
 * without the last term.
 */

const RECENT: f64 = 0.95;
const USUAL: f64 = 0.999;
const CONTEXT: f64 = 0.4;
const HORIZON: f64 = 0.45;
const FORGETTING: f64 = 0.993;
const LIKING: f64 = 1.4;
const FOLLOWING: f64 = 3;
const NAMING: f64 = 0.8;
const PRIOR: f64 = 2;

/** Traces and contexts below this are left out of sums: no choice hangs on them. */
const FAINT: f64 = 0.001;

const MAX_FOLLOWS_BYTES: usize = 33554432;
const MAX_NEXT_BYTES: u64 = 16777216;
const MAX_BUCKETS: u64 = 16384;

/** A `before` of no token. */
const NO_BUCKET: u32 = 0xffffffff;

let experts: usize = 0;
let scores: usize = 0;
let recents: usize = 0;
let usuals: usize = 0;
let contexts: usize = 0;
let trails: usize = 0;
let heards: usize = 0;
let lasts: usize = 0;
let counts: usize = 0;
/** 0 if there is no room for it. */
let follows: usize = 0;
let buckets: usize = 1;
let layerTotal: usize = 0;
let nexts: usize = 0;
let nextAlls: usize = 0;
/** [layers] u32: the bucket of the last token. */
let befores: usize = 0;

function followsBytes(layerCount: u32, expertCount: u32): usize {
  const bytes = ((layerCount as u64) * (expertCount as u64) * (expertCount as u64)) << 2;
  return bytes > (MAX_FOLLOWS_BYTES as u64) ? 0 : (bytes as usize);
}

/** Token ids share a bucket where a model has more of them. */
function bucketCount(layerCount: u32, expertCount: u32): usize {
  const rowBytes = (layerCount as u64) * ((expertCount as u64) + 1);
  return max<u64>(1, min<u64>(MAX_BUCKETS, MAX_NEXT_BYTES / max<u64>(1, rowBytes))) as usize;
}

export function adaptiveBytes(layerCount: u32, expertCount: u32): usize {
  const entries = (layerCount as usize) * (expertCount as usize);
  const rowBytes = entries + (layerCount as usize);
  const named = bucketCount(layerCount, expertCount) * rowBytes;
  return entries * 44 + ((layerCount as usize) << 3) + followsBytes(layerCount, expertCount) + named;
}

/** `area` is zeroed and holds `adaptiveBytes`; `scoreTable` [layers × experts] f64 is the policy's to write. */
export function adaptiveReset(scoreTable: usize, area: usize, layerCount: u32, expertCount: u32): void {
  const table = ((layerCount as usize) * (expertCount as usize)) << 3;
  experts = expertCount as usize;
  scores = scoreTable;
  recents = area;
  usuals = recents + table;
  contexts = usuals + table;
  trails = contexts + table;
  heards = trails + table;
  lasts = heards + table;
  counts = lasts + (table >> 1);
  befores = counts + ((layerCount as usize) << 2);
  memory.fill(befores, 0xff, (layerCount as usize) << 2);
  const behind = befores + ((layerCount as usize) << 2);
  const followsSize = followsBytes(layerCount, expertCount);
  follows = followsSize == 0 ? 0 : behind;
  buckets = bucketCount(layerCount, expertCount);
  layerTotal = layerCount as usize;
  nexts = behind + followsSize;
  nextAlls = nexts + buckets * layerTotal * experts;
}

export function adaptiveObserve(
  layer: u32,
  tokens: usize,
  ids: usize,
  weights: usize,
  rows: u32,
  k: u32,
): void {
  const stride = (k as usize) << 2;
  for (let token: usize = 0; token < (rows as usize); token++) {
    if (follows != 0) learn(layer, ids + token * stride, k);
    learnNext(layer, load<u32>(tokens + (token << 2)), ids + token * stride, k);
    age(layer, ids + token * stride, weights + token * stride, k);
  }
  if (rows > 0) rate(layer);
}

/** Where a bucket's picks of a layer are counted: [experts] u8. */
function nextRow(bucket: u32, layer: u32): usize {
  return nexts + ((bucket as usize) * layerTotal + (layer as usize)) * experts;
}

function nextAll(bucket: u32, layer: u32): usize {
  return nextAlls + (bucket as usize) * layerTotal + (layer as usize);
}

/** Credits these picks to the token before this one. */
function learnNext(layer: u32, token: u32, picks: usize, k: u32): void {
  const beforeAt = befores + ((layer as usize) << 2);
  const before = load<u32>(beforeAt);
  store<u32>(beforeAt, ((token as usize) % buckets) as u32);
  if (before == NO_BUCKET) return;
  const row = nextRow(before, layer);
  const allAt = nextAll(before, layer);
  if (load<u8>(allAt) == 255) {
    for (let b: usize = 0; b < experts; b++) store<u8>(row + b, load<u8>(row + b) >> 1);
    store<u8>(allAt, 127);
  }
  for (let rank: u32 = 0; rank < k; rank++) {
    const at = row + pick(picks, rank);
    store<u8>(at, load<u8>(at) + 1);
  }
  store<u8>(allAt, load<u8>(allAt) + 1);
}

function pick(picks: usize, rank: u32): usize {
  return load<u32>(picks + ((rank as usize) << 2)) as usize;
}

/** A routing weight as a trace holds it, rounded to the upper half of its f32: a replay then rates experts as the run did. */
function weightAt(weights: usize, rank: u32): f64 {
  const bits = load<u32>(weights + ((rank as usize) << 2));
  return abs(reinterpret<f32>((bits + 0x8000) & 0xffff0000) as f64);
}

function add(table: usize, index: usize, value: f64): void {
  const at = table + (index << 3);
  store<f64>(at, load<f64>(at) + value);
}

function scale(table: usize, index: usize, factor: f64): void {
  const at = table + (index << 3);
  store<f64>(at, load<f64>(at) * factor);
}

/** Credits these picks to what is on the trail; then the trail moves on. */
function learn(layer: u32, picks: usize, k: u32): void {
  const first = (layer as usize) * experts;
  for (let a: usize = 0; a < experts; a++) {
    const strength = load<f64>(trails + ((first + a) << 3));
    if (strength <= FAINT) continue;
    const row = follows + (((first + a) * experts) << 2);
    for (let rank: u32 = 0; rank < k; rank++) {
      const at = row + (pick(picks, rank) << 2);
      store<f32>(at, ((load<f32>(at) as f64) + strength) as f32);
    }
    add(heards, first + a, strength);
  }
  const last = lasts + (first << 2);
  const lastCount = load<u32>(counts + ((layer as usize) << 2));
  for (let i: u32 = 0; i < lastCount; i++) {
    const a = first + pick(last, i);
    const row = follows + ((a * experts) << 2);
    for (let b: usize = 0; b < experts; b++) {
      const at = row + (b << 2);
      store<f32>(at, ((load<f32>(at) as f64) * FORGETTING) as f32);
    }
    scale(heards, a, FORGETTING);
  }
}

function age(layer: u32, picks: usize, weights: usize, k: u32): void {
  const first = (layer as usize) * experts;
  const countAt = counts + ((layer as usize) << 2);
  if (load<u32>(countAt) == 0) {
    const even = (k as f64) / (experts as f64);
    for (let b: usize = 0; b < experts; b++) store<f64>(usuals + ((first + b) << 3), even);
  }
  for (let b = first; b < first + experts; b++) {
    scale(recents, b, RECENT);
    scale(usuals, b, USUAL);
    scale(contexts, b, CONTEXT);
    scale(trails, b, HORIZON);
  }
  let mass: f64 = 0;
  for (let rank: u32 = 0; rank < k; rank++) mass += weightAt(weights, rank);
  for (let rank: u32 = 0; rank < k; rank++) {
    const b = first + pick(picks, rank);
    const weight = weightAt(weights, rank);
    add(recents, b, 1 - RECENT);
    add(usuals, b, 1 - USUAL);
    add(contexts, b, mass > 0 ? ((1 - CONTEXT) * weight) / mass : 0);
    add(trails, b, 1);
  }
  // Ids are distinct within a token, so k never exceeds the layer's room.
  memory.copy(lasts + (first << 2), picks, (k as usize) << 2);
  store<u32>(countAt, k);
}

function rate(layer: u32): void {
  const first = (layer as usize) * experts;
  for (let b = first; b < first + experts; b++) {
    const at = b << 3;
    store<f64>(scores + at, load<f64>(recents + at) + LIKING * load<f64>(usuals + at));
  }
  const bucket = load<u32>(befores + ((layer as usize) << 2));
  const row = nextRow(bucket, layer);
  const all = (load<u8>(nextAll(bucket, layer)) as f64) + PRIOR;
  for (let b: usize = 0; b < experts; b++) {
    const usual = load<f64>(usuals + ((first + b) << 3));
    add(scores, first + b, NAMING * (((load<u8>(row + b) as f64) + PRIOR * usual) / all - usual));
  }
  if (follows == 0) return;
  for (let a: usize = 0; a < experts; a++) {
    const present = load<f64>(contexts + ((first + a) << 3));
    if (present <= FAINT) continue;
    const row = follows + (((first + a) * experts) << 2);
    const weight = FOLLOWING * present;
    const heard = load<f64>(heards + ((first + a) << 3)) + PRIOR;
    for (let b: usize = 0; b < experts; b++) {
      const usual = load<f64>(usuals + ((first + b) << 3));
      const likely = ((load<f32>(row + (b << 2)) as f64) + PRIOR * usual) / heard;
      add(scores, first + b, weight * (likely - usual));
    }
  }
}
