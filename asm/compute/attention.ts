// Causal grouped-query attention, one page of the cache at a time with a running maximum and sum (the online softmax
// of Milakov and Gimelshein, arXiv 1805.02867). What happens to one (row, head) depends on its position alone:
// pages ascend, and inside a page the order is fixed.

import { keysOf, PAGE, pageOf, valuesOf } from "./kv";
import { exp1, exp4, maxLane, sumLanes } from "./math";

// Bytes of scratch that `attention` needs for up to `rows` rows: scores of a page, then (maximum, sum) of every row
// and head.
export function attentionScratchBytes(rows: usize, headCount: usize): usize {
  return PAGE * 4 + rows * headCount * 8;
}

// Kv heads [start, end) of q [rows, headCount, headDim], which is at [position, position + rows), to `out`, same shape.
export function attention(
  q: usize, rows: usize, position: usize,
  headCount: usize, kvHeadCount: usize, headDim: usize, scale: f32,
  pageTable: usize, out: usize, scratch: usize, start: usize, end: usize,
): void {
  const group = headCount / kvHeadCount;
  const rowBytes = headCount * headDim << 2;
  const scores = scratch;
  const states = scratch + PAGE * 4;
  for (let kvHead = start; kvHead < end; kvHead++) {
    const first = kvHead * group;
    for (let row: usize = 0; row < rows; row++) {
      memory.fill(out + row * rowBytes + (first * headDim << 2), 0, group * headDim << 2);
      for (let head = first; head < first + group; head++) {
        store<f32>(states + ((row * headCount + head) << 3), -f32.MAX_VALUE);
        store<f32>(states + ((row * headCount + head) << 3), 0, 4);
      }
    }
    for (let page: usize = 0; page * PAGE < position + rows; page++) {
      const address = pageOf(pageTable, page);
      const keys = keysOf(address, kvHead, headDim);
      const values = valuesOf(address, kvHead, headDim);
      // The first row that sees anything of this page.
      for (let row = max<isize>(0, <isize>(page * PAGE) - <isize>position) as usize; row < rows; row++) {
        const count = min(PAGE, position + row + 1 - page * PAGE);
        for (let head = first; head < first + group; head++) {
          const at = row * rowBytes + (head * headDim << 2);
          scorePage(q + at, keys, headDim, scale, count, scores);
          softmaxPage(scores, count, states + ((row * headCount + head) << 3), out + at, headDim);
          addValues(scores, values, headDim, count, out + at);
        }
      }
    }
    for (let row: usize = 0; row < rows; row++) {
      for (let head = first; head < first + group; head++) {
        const at = out + row * rowBytes + (head * headDim << 2);
        scaleVector(at, headDim, 1 / load<f32>(states + ((row * headCount + head) << 3), 4));
      }
    }
  }
}

// scores[p] = q · k[p] · scale, elements in ascending order; 32 positions at a time, as far as `count` reaches.
function scorePage(q: usize, keys: usize, headDim: usize, scale: f32, count: usize, scores: usize): void {
  const scales = f32x4.splat(scale);
  for (let p: usize = 0; p < count; p += 32, keys += 128, scores += 128) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let s4 = s0;
    let s5 = s0;
    let s6 = s0;
    let s7 = s0;
    let k = keys;
    for (let at = q, end = q + (headDim << 2); at < end; at += 4, k += PAGE * 4) {
      const element = v128.load32_splat(at);
      s0 = f32x4.add(s0, f32x4.mul(element, v128.load(k)));
      s1 = f32x4.add(s1, f32x4.mul(element, v128.load(k, 16)));
      s2 = f32x4.add(s2, f32x4.mul(element, v128.load(k, 32)));
      s3 = f32x4.add(s3, f32x4.mul(element, v128.load(k, 48)));
      s4 = f32x4.add(s4, f32x4.mul(element, v128.load(k, 64)));
      s5 = f32x4.add(s5, f32x4.mul(element, v128.load(k, 80)));
      s6 = f32x4.add(s6, f32x4.mul(element, v128.load(k, 96)));
      s7 = f32x4.add(s7, f32x4.mul(element, v128.load(k, 112)));
    }
    v128.store(scores, f32x4.mul(s0, scales));
    v128.store(scores, f32x4.mul(s1, scales), 16);
    v128.store(scores, f32x4.mul(s2, scales), 32);
    v128.store(scores, f32x4.mul(s3, scales), 48);
    v128.store(scores, f32x4.mul(s4, scales), 64);
    v128.store(scores, f32x4.mul(s5, scales), 80);
    v128.store(scores, f32x4.mul(s6, scales), 96);
    v128.store(scores, f32x4.mul(s7, scales), 112);
  }
}

// Lanes at [p, p + 4) that are below `count`.
// @ts-ignore: decorator
@inline
function liveLanes(p: usize, count: usize): v128 {
  return i32x4.lt_s(i32x4.add(i32x4.splat(<i32>p), i32x4(0, 1, 2, 3)), i32x4.splat(<i32>count));
}

// Turns scores [0, count) into weights e^(score - maximum) and takes them into the state (maximum, sum); the sums in
// `out` so far are brought to the new maximum. Whatever lies in the page's positions from `count` on is not read.
function softmaxPage(scores: usize, count: usize, state: usize, out: usize, headDim: usize): void {
  const before = load<f32>(state);
  let highest = f32x4.splat(before);
  for (let p: usize = 0; p < count; p += 4) {
    const score = v128.bitselect(v128.load(scores + (p << 2)), highest, liveLanes(p, count));
    highest = f32x4.max(highest, score);
  }
  const maximum = maxLane(highest);
  let sum = f32x4.splat(0);
  const maxima = f32x4.splat(maximum);
  for (let p: usize = 0; p < count; p += 4) {
    const weight = v128.and(exp4(f32x4.sub(v128.load(scores + (p << 2)), maxima)), liveLanes(p, count));
    v128.store(scores + (p << 2), weight);
    sum = f32x4.add(sum, weight);
  }
  let total = load<f32>(state, 4);
  if (maximum > before) {
    const factor = exp1(before - maximum);
    total *= factor;
    scaleVector(out, headDim, factor);
  }
  store<f32>(state, maximum);
  store<f32>(state, total + sumLanes(sum), 4);
}

function scaleVector(vector: usize, length: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (const end = vector + (length << 2); vector < end; vector += 16) {
    v128.store(vector, f32x4.mul(v128.load(vector), factors));
  }
}

// out += Σ_p weights[p] · v[p], positions in ascending order.
function addValues(weights: usize, values: usize, headDim: usize, count: usize, out: usize): void {
  const stride = headDim << 2;
  const end = weights + (count << 2);
  let i: usize = 0;
  for (; i + 32 <= headDim; i += 32, out += 128, values += 128) {
    let s0 = v128.load(out);
    let s1 = v128.load(out, 16);
    let s2 = v128.load(out, 32);
    let s3 = v128.load(out, 48);
    let s4 = v128.load(out, 64);
    let s5 = v128.load(out, 80);
    let s6 = v128.load(out, 96);
    let s7 = v128.load(out, 112);
    for (let w = weights, v = values; w < end; w += 4, v += stride) {
      const weight = v128.load32_splat(w);
      s0 = f32x4.add(s0, f32x4.mul(weight, v128.load(v)));
      s1 = f32x4.add(s1, f32x4.mul(weight, v128.load(v, 16)));
      s2 = f32x4.add(s2, f32x4.mul(weight, v128.load(v, 32)));
      s3 = f32x4.add(s3, f32x4.mul(weight, v128.load(v, 48)));
      s4 = f32x4.add(s4, f32x4.mul(weight, v128.load(v, 64)));
      s5 = f32x4.add(s5, f32x4.mul(weight, v128.load(v, 80)));
      s6 = f32x4.add(s6, f32x4.mul(weight, v128.load(v, 96)));
      s7 = f32x4.add(s7, f32x4.mul(weight, v128.load(v, 112)));
    }
    v128.store(out, s0);
    v128.store(out, s1, 16);
    v128.store(out, s2, 32);
    v128.store(out, s3, 48);
    v128.store(out, s4, 64);
    v128.store(out, s5, 80);
    v128.store(out, s6, 96);
    v128.store(out, s7, 112);
  }
  for (; i < headDim; i += 4, out += 16, values += 16) {
    let sum = v128.load(out);
    for (let w = weights, v = values; w < end; w += 4, v += stride) {
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(w), v128.load(v)));
    }
    v128.store(out, sum);
  }
}
