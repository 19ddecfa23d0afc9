import { reserve } from "../memory";

/**
 * Which experts will a layer pick? Estimates of the probability, learnt from every routed token:
 *
 * ```
 * usual    [layers × experts] f64              share of tokens, decaying by USUAL a token
 * recent   [layers × experts] f64              the same, decaying by RECENT
 * after    [layers × experts × experts] f32    picks of b when the layer before picked a; halved at MOST
 * afterAll [layers × experts] f32              how often the layer before picked a
 * named    [buckets × layers × experts] u8     picks while the token's id fell into the bucket; halved at 255
 * nameAll  [buckets × layers] u8               tokens of the bucket
 * ```
 *
 * Only sums, products, quotients and roots: the same bits anywhere.
 */

/** The codes that src/wasm/core-prediction.ts knows. */
export const USUAL_KIND: u32 = 0;
export const RECENT_KIND: u32 = 1;
export const TOKEN_KIND: u32 = 2;
export const LAYER_KIND: u32 = 3;
export const MIXED_KIND: u32 = 4;

const USUAL: f64 = 0.999;
const RECENT: f64 = 0.9;
const MOST: f32 = 256;
const AFTER_PRIOR: f64 = 4;
const NAMED_PRIOR: f64 = 2;

/** No estimate is surer than this, so that none silences the others. */
const LEAST: f64 = 0.005;

const MAX_NAMED_BYTES: usize = 16777216;
const MAX_AFTER_BYTES: usize = 33554432;

let capacity: usize = 0;
let area: usize = 0;
let layers: usize = 0;
let experts: usize = 0;
let buckets: usize = 0;
let usuals: usize = 0;
let recents: usize = 0;
let afterAlls: usize = 0;
let rating: usize = 0;
/** 0 if there is no room for it. */
let afters: usize = 0;
let nameds: usize = 0;
let nameAlls: usize = 0;

/** Nothing is known; false if memory cannot grow. */
export function predictionReset(layerCount: u32, expertCount: u32, k: u32, vocabSize: u32): bool {
  layers = layerCount as usize;
  experts = expertCount as usize;
  const entries = layers * experts;
  buckets = max<usize>(1, min<usize>(vocabSize as usize, MAX_NAMED_BYTES / max<usize>(1, entries)));
  const afterSize = (entries as u64) * (experts as u64) * 4;
  const afterBytes = afterSize > (MAX_AFTER_BYTES as u64) ? 0 : (afterSize as usize);
  const needed = entries * 20 + experts * 8 + afterBytes + buckets * layers * (experts + 1);
  if (needed > capacity) {
    const fresh = reserve(needed);
    if (fresh == 0) return false;
    area = fresh;
    capacity = needed;
  }
  usuals = area;
  recents = usuals + (entries << 3);
  rating = recents + (entries << 3);
  afterAlls = rating + (experts << 3);
  const named = afterAlls + (entries << 2) + afterBytes;
  afters = afterBytes == 0 ? 0 : afterAlls + (entries << 2);
  nameds = named;
  nameAlls = nameds + buckets * entries;
  memory.fill(area, 0, needed);
  const even = (k as f64) / (expertCount as f64);
  for (let i: usize = 0; i < entries; i++) {
    store<f64>(usuals + (i << 3), even);
    store<f64>(recents + (i << 3), even);
  }
  return true;
}

function u32At(array: usize, index: usize): usize {
  return load<u32>(array + (index << 2)) as usize;
}

/**
 * What `rows` tokens picked in a layer: `tokens` [rows], `ids` [rows, k], and `before` [rows, k], their picks in the
 * layer before, or 0 if there is none.
 */
export function predictionLearn(
  layer: u32,
  tokens: usize,
  ids: usize,
  before: usize,
  rows: u32,
  k: u32,
): void {
  const width = k as usize;
  for (let row: usize = 0; row < (rows as usize); row++) {
    const picks = ids + ((row * width) << 2);
    learnShares((layer as usize) * experts, picks, width);
    learnToken(layer as usize, u32At(tokens, row) % buckets, picks, width);
    if (before != 0 && afters != 0)
      learnAfter((layer as usize) * experts, before + ((row * width) << 2), picks, width);
  }
}

function learnShares(first: usize, picks: usize, k: usize): void {
  for (let b = first << 3; b < (first + experts) << 3; b += 8) {
    store<f64>(usuals + b, load<f64>(usuals + b) * USUAL);
    store<f64>(recents + b, load<f64>(recents + b) * RECENT);
  }
  for (let rank: usize = 0; rank < k; rank++) {
    const b = (first + u32At(picks, rank)) << 3;
    store<f64>(usuals + b, load<f64>(usuals + b) + (1 - USUAL));
    store<f64>(recents + b, load<f64>(recents + b) + (1 - RECENT));
  }
}

function learnToken(layer: usize, bucket: usize, picks: usize, k: usize): void {
  const row = nameds + (bucket * layers + layer) * experts;
  const all = nameAlls + bucket * layers + layer;
  if (load<u8>(all) == 255) {
    for (let b: usize = 0; b < experts; b++) store<u8>(row + b, load<u8>(row + b) >> 1);
    store<u8>(all, 127);
  }
  for (let rank: usize = 0; rank < k; rank++) {
    const at = row + u32At(picks, rank);
    store<u8>(at, load<u8>(at) + 1);
  }
  store<u8>(all, load<u8>(all) + 1);
}

function learnAfter(first: usize, before: usize, picks: usize, k: usize): void {
  for (let i: usize = 0; i < k; i++) {
    const a = first + u32At(before, i);
    const row = afters + ((a * experts) << 2);
    const all = afterAlls + (a << 2);
    if (load<f32>(all) >= MOST) {
      for (let b: usize = 0; b < experts << 2; b += 4) store<f32>(row + b, load<f32>(row + b) * 0.5);
      store<f32>(all, load<f32>(all) * 0.5);
    }
    for (let rank: usize = 0; rank < k; rank++) {
      const at = row + (u32At(picks, rank) << 2);
      store<f32>(at, load<f32>(at) + 1);
    }
    store<f32>(all, load<f32>(all) + 1);
  }
}

function odds(p: f64): f64 {
  const q = min(1 - LEAST, max(LEAST, p));
  return q / (1 - q);
}

/**
 * Address of [experts] f64, the probability of each expert in a layer: `kind` says by which estimate, `token` is the
 * id computed, `before` [k] its picks in the layer before with `weights` [k], or 0 while they are not known.
 */
export function predictionRate(
  kind: u32,
  layer: u32,
  token: u32,
  before: usize,
  weights: usize,
  k: u32,
): usize {
  const first = (layer as usize) * experts;
  const bucket = (token as usize) % buckets;
  const row = nameds + (bucket * layers + (layer as usize)) * experts;
  const all = load<u8>(nameAlls + bucket * layers + (layer as usize)) as f64;
  const afterKnown = before != 0 && afters != 0;
  let mass: f64 = 0;
  if (afterKnown)
    for (let i: usize = 0; i < (k as usize); i++) mass += abs(load<f32>(weights + (i << 2)) as f64);
  for (let b: usize = 0; b < experts; b++) {
    const usual = load<f64>(usuals + ((first + b) << 3));
    const recent = load<f64>(recents + ((first + b) << 3));
    const named = ((load<u8>(row + b) as f64) + NAMED_PRIOR * usual) / (all + NAMED_PRIOR);
    let after = usual;
    if (afterKnown && mass > 0) {
      after = 0;
      for (let i: usize = 0; i < (k as usize); i++) {
        const a = first + u32At(before, i);
        const share = abs(load<f32>(weights + (i << 2)) as f64) / mass;
        const seen = load<f32>(afters + ((a * experts + b) << 2)) as f64;
        after +=
          (share * (seen + AFTER_PRIOR * usual)) / ((load<f32>(afterAlls + (a << 2)) as f64) + AFTER_PRIOR);
      }
    }
    let p = usual;
    if (kind == RECENT_KIND) p = recent;
    else if (kind == TOKEN_KIND) p = named;
    else if (kind == LAYER_KIND) p = after;
    else if (kind == MIXED_KIND) {
      // As if what the token, the layer before and the text say were independent; the text's word counts half.
      const plain = odds(usual);
      const mixed = odds(named) * (odds(after) / plain) * sqrt(odds(0.9 * recent + 0.1 * usual) / plain);
      p = mixed / (1 + mixed);
    }
    store<f64>(rating + (b << 3), p);
  }
  return rating;
}
