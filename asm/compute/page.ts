// What one page of the cache adds to a query: its scores, and the values they weigh. The kernels for a pair of
// queries do to each the same additions in the same order as those for one, and load keys and values once for both.
import { PAGE, SIDE } from "./kv";

// Bytes of a line, and of a column of values.
const LINE: usize = SIDE * 4;
const VALUES_COLUMN: usize = PAGE * LINE;

// scores[p] = q · k[p] · scale, elements in ascending order; two columns at a time, as far as `count` reaches.
export function scorePage(
  q: usize,
  keys: usize,
  headDim: usize,
  scale: f32,
  count: usize,
  scores: usize,
): void {
  const scales = f32x4.splat(scale);
  const column = headDim * LINE;
  for (let p: usize = 0; p < count; p += 2 * SIDE, keys += 2 * column, scores += 2 * LINE) {
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let s4 = s0;
    let s5 = s0;
    let s6 = s0;
    let s7 = s0;
    let k = keys;
    for (let at = q, end = q + (headDim << 2); at < end; at += 4, k += LINE) {
      const other = k + column;
      const element = v128.load32_splat(at);
      s0 = f32x4.add(s0, f32x4.mul(element, v128.load(k)));
      s1 = f32x4.add(s1, f32x4.mul(element, v128.load(k, 16)));
      s2 = f32x4.add(s2, f32x4.mul(element, v128.load(k, 32)));
      s3 = f32x4.add(s3, f32x4.mul(element, v128.load(k, 48)));
      s4 = f32x4.add(s4, f32x4.mul(element, v128.load(other)));
      s5 = f32x4.add(s5, f32x4.mul(element, v128.load(other, 16)));
      s6 = f32x4.add(s6, f32x4.mul(element, v128.load(other, 32)));
      s7 = f32x4.add(s7, f32x4.mul(element, v128.load(other, 48)));
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

// scorePage of two queries, one column at a time.
export function scorePageOfPair(
  a: usize,
  b: usize,
  keys: usize,
  headDim: usize,
  scale: f32,
  count: usize,
  scoresA: usize,
  scoresB: usize,
): void {
  const scales = f32x4.splat(scale);
  let k = keys;
  for (let p: usize = 0; p < count; p += SIDE, scoresA += LINE, scoresB += LINE) {
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    for (let i: usize = 0; i < headDim << 2; i += 4, k += LINE) {
      const elementA = v128.load32_splat(a + i);
      const elementB = v128.load32_splat(b + i);
      let key = v128.load(k);
      a0 = f32x4.add(a0, f32x4.mul(elementA, key));
      b0 = f32x4.add(b0, f32x4.mul(elementB, key));
      key = v128.load(k, 16);
      a1 = f32x4.add(a1, f32x4.mul(elementA, key));
      b1 = f32x4.add(b1, f32x4.mul(elementB, key));
      key = v128.load(k, 32);
      a2 = f32x4.add(a2, f32x4.mul(elementA, key));
      b2 = f32x4.add(b2, f32x4.mul(elementB, key));
      key = v128.load(k, 48);
      a3 = f32x4.add(a3, f32x4.mul(elementA, key));
      b3 = f32x4.add(b3, f32x4.mul(elementB, key));
    }
    v128.store(scoresA, f32x4.mul(a0, scales));
    v128.store(scoresA, f32x4.mul(a1, scales), 16);
    v128.store(scoresA, f32x4.mul(a2, scales), 32);
    v128.store(scoresA, f32x4.mul(a3, scales), 48);
    v128.store(scoresB, f32x4.mul(b0, scales));
    v128.store(scoresB, f32x4.mul(b1, scales), 16);
    v128.store(scoresB, f32x4.mul(b2, scales), 32);
    v128.store(scoresB, f32x4.mul(b3, scales), 48);
  }
}

// out += Σ_p weights[p] · v[p] over positions [first, end), ascending; two columns at a time.
export function addValues(
  weights: usize,
  values: usize,
  headDim: usize,
  first: usize,
  end: usize,
  out: usize,
): void {
  const from = weights + (first << 2);
  const to = weights + (end << 2);
  let i: usize = 0;
  for (; i + 2 * SIDE <= headDim; i += 2 * SIDE, out += 2 * LINE, values += 2 * VALUES_COLUMN) {
    let s0 = v128.load(out);
    let s1 = v128.load(out, 16);
    let s2 = v128.load(out, 32);
    let s3 = v128.load(out, 48);
    let s4 = v128.load(out, 64);
    let s5 = v128.load(out, 80);
    let s6 = v128.load(out, 96);
    let s7 = v128.load(out, 112);
    for (let w = from, v = values + first * LINE; w < to; w += 4, v += LINE) {
      const other = v + VALUES_COLUMN;
      const weight = v128.load32_splat(w);
      s0 = f32x4.add(s0, f32x4.mul(weight, v128.load(v)));
      s1 = f32x4.add(s1, f32x4.mul(weight, v128.load(v, 16)));
      s2 = f32x4.add(s2, f32x4.mul(weight, v128.load(v, 32)));
      s3 = f32x4.add(s3, f32x4.mul(weight, v128.load(v, 48)));
      s4 = f32x4.add(s4, f32x4.mul(weight, v128.load(other)));
      s5 = f32x4.add(s5, f32x4.mul(weight, v128.load(other, 16)));
      s6 = f32x4.add(s6, f32x4.mul(weight, v128.load(other, 32)));
      s7 = f32x4.add(s7, f32x4.mul(weight, v128.load(other, 48)));
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
  for (; i < headDim; i += SIDE, out += LINE, values += VALUES_COLUMN) {
    addColumn(from, to, values, min(SIDE, headDim - i) << 2, first, out);
  }
}

// addValues of two queries over positions [0, count), one column at a time.
export function addValuesOfPair(
  weightsA: usize,
  weightsB: usize,
  values: usize,
  headDim: usize,
  count: usize,
  outA: usize,
  outB: usize,
): void {
  const bytes = count << 2;
  let i: usize = 0;
  for (; i + SIDE <= headDim; i += SIDE, outA += LINE, outB += LINE, values += VALUES_COLUMN) {
    let a0 = v128.load(outA);
    let a1 = v128.load(outA, 16);
    let a2 = v128.load(outA, 32);
    let a3 = v128.load(outA, 48);
    let b0 = v128.load(outB);
    let b1 = v128.load(outB, 16);
    let b2 = v128.load(outB, 32);
    let b3 = v128.load(outB, 48);
    let v = values;
    for (let w: usize = 0; w < bytes; w += 4, v += LINE) {
      const weightA = v128.load32_splat(weightsA + w);
      const weightB = v128.load32_splat(weightsB + w);
      let value = v128.load(v);
      a0 = f32x4.add(a0, f32x4.mul(weightA, value));
      b0 = f32x4.add(b0, f32x4.mul(weightB, value));
      value = v128.load(v, 16);
      a1 = f32x4.add(a1, f32x4.mul(weightA, value));
      b1 = f32x4.add(b1, f32x4.mul(weightB, value));
      value = v128.load(v, 32);
      a2 = f32x4.add(a2, f32x4.mul(weightA, value));
      b2 = f32x4.add(b2, f32x4.mul(weightB, value));
      value = v128.load(v, 48);
      a3 = f32x4.add(a3, f32x4.mul(weightA, value));
      b3 = f32x4.add(b3, f32x4.mul(weightB, value));
    }
    v128.store(outA, a0);
    v128.store(outA, a1, 16);
    v128.store(outA, a2, 32);
    v128.store(outA, a3, 48);
    v128.store(outB, b0);
    v128.store(outB, b1, 16);
    v128.store(outB, b2, 32);
    v128.store(outB, b3, 48);
  }
  if (i < headDim) {
    addColumn(weightsA, weightsA + bytes, values, (headDim - i) << 2, 0, outA);
    addColumn(weightsB, weightsB + bytes, values, (headDim - i) << 2, 0, outB);
  }
}

// addValues of one column `width` bytes wide, with the weights [from, to) of the positions from `first` on.
function addColumn(from: usize, to: usize, column: usize, width: usize, first: usize, out: usize): void {
  for (let i: usize = 0; i < width; i += 16) {
    let sum = v128.load(out + i);
    for (let w = from, v = column + first * width + i; w < to; w += 4, v += width) {
      sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(w), v128.load(v)));
    }
    v128.store(out + i, sum);
  }
}
