// Causal grouped-query attention, one page of the cache at a time with a running maximum and sum (the online softmax
// of Milakov and Gimelshein, arXiv 1805.02867). What happens to one query, a head of a row, depends on its position
// alone: pages ascend, and inside a page the order is fixed, whether it is computed by itself or in a pair.

import { keysOf, PAGE, pageOf, valuesOf } from "./kv";
import { exp1, exp4, maxLane, sumLanes } from "./math";
import { addValues, addValuesOfPair, scorePage, scorePageOfPair } from "./page";

// Bytes of scratch that `attention` needs for up to `rows` rows: scores of a page for two queries, then (maximum,
// sum) of every row and head.
export function attentionScratchBytes(rows: usize, headCount: usize): usize {
  return PAGE * 8 + rows * headCount * 8;
}

// Kv heads [start, end) of q [rows, headCount, headDim], which is at [position, position + rows), to `out`, same shape.
export function attention(
  q: usize,
  rows: usize,
  position: usize,
  headCount: usize,
  kvHeadCount: usize,
  headDim: usize,
  scale: f32,
  pageTable: usize,
  out: usize,
  scratch: usize,
  start: usize,
  end: usize,
): void {
  const group = headCount / kvHeadCount;
  const headBytes = headDim << 2;
  const rowBytes = headCount * headBytes;
  const scoresA = scratch;
  const scoresB = scratch + PAGE * 4;
  const states = scratch + PAGE * 8;
  // Query i of a kv head is its head i % group of row i / group.
  const queries = rows * group;
  for (let kvHead = start; kvHead < end; kvHead++) {
    const first = kvHead * group * headBytes;
    for (let row: usize = 0; row < rows; row++)
      memory.fill(out + row * rowBytes + first, 0, group * headBytes);
    for (let i: usize = 0; i < queries; i++) {
      store<f32>(states + (i << 3), -f32.MAX_VALUE);
      store<f32>(states + (i << 3), 0, 4);
    }
    for (let page: usize = 0; page * PAGE < position + rows; page++) {
      const address = pageOf(pageTable, page);
      const keys = keysOf(address, kvHead, headDim);
      const values = valuesOf(address, kvHead, headDim);
      // Rows before this one see nothing of the page.
      const firstRow = page * PAGE > position ? page * PAGE - position : 0;
      for (let i = firstRow * group; i < queries; i += 2) {
        const rowA = i / group;
        const atA = rowA * rowBytes + first + (i % group) * headBytes;
        const countA = min(PAGE, position + rowA + 1 - page * PAGE);
        if (i + 1 == queries) {
          scorePage(q + atA, keys, headDim, scale, countA, scoresA);
          softmaxPage(scoresA, countA, states + (i << 3), out + atA, headDim);
          addValues(scoresA, values, headDim, 0, countA, out + atA);
          continue;
        }
        const rowB = (i + 1) / group;
        const atB = rowB * rowBytes + first + ((i + 1) % group) * headBytes;
        const countB = min(PAGE, position + rowB + 1 - page * PAGE);
        scorePageOfPair(q + atA, q + atB, keys, headDim, scale, countB, scoresA, scoresB);
        softmaxPage(scoresA, countA, states + (i << 3), out + atA, headDim);
        softmaxPage(scoresB, countB, states + ((i + 1) << 3), out + atB, headDim);
        addValuesOfPair(scoresA, scoresB, values, headDim, countA, out + atA, out + atB);
        // The later row of a pair may see a position more.
        if (countB > countA) addValues(scoresB, values, headDim, countA, countB, out + atB);
      }
    }
    for (let i: usize = 0; i < queries; i++) {
      const at = out + (i / group) * rowBytes + first + (i % group) * headBytes;
      scaleVector(at, headDim, 1 / load<f32>(states + (i << 3), 4));
    }
  }
}

// Lanes at [p, p + 4) that are below `count`.
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
