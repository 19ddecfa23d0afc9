// Rotary position embedding, and the way of keys and values into the cache.
import { keysOf, PAGE, pageOf, valuesOf, writeKey, writeValue } from "./kv";
import { normRow } from "./norm";

// out [rows, 2, dimension / 2]: cosines, then sines of position · freqScale · freqBase^(-2i / dimension) / factors[i],
// where `factors` (0: none) is [dimension / 2]. Angles are f64 and only the results are rounded, so that far positions
// turn as exactly as near ones.
export function fillRope(
  position: usize,
  rows: usize,
  dimension: usize,
  freqBase: f64,
  freqScale: f64,
  factors: usize,
  out: usize,
): void {
  const half = dimension >> 1;
  for (let i: usize = 0; i < half; i++) {
    let frequency = freqScale * Math.pow(freqBase, (-2 * <f64>i) / <f64>dimension);
    if (factors) frequency /= <f64>load<f32>(factors + (i << 2));
    for (let row: usize = 0; row < rows; row++) {
      const angle = <f64>(position + row) * frequency;
      const at = out + ((row * dimension + i) << 2);
      store<f32>(at, <f32>Math.cos(angle));
      store<f32>(at + (half << 2), <f32>Math.sin(angle));
    }
  }
}

// Turns the leading `dimension` elements of a head by one row of fillRope's table.
function rotate(head: usize, table: usize, dimension: usize, neox: bool): void {
  const half = dimension >> 1;
  const apart = neox ? half << 2 : 4;
  const step: usize = neox ? 4 : 8;
  for (let i: usize = 0; i < half; i++, head += step, table += 4) {
    const cosine = load<f32>(table);
    const sine = load<f32>(table + (half << 2));
    const a = load<f32>(head);
    const b = load<f32>(head + apart);
    store<f32>(head, a * cosine - b * sine);
    store<f32>(head + apart, a * sine + b * cosine);
  }
}

// out = `count` heads, normed where `norm` is given: each by weights [headDim], or as one row by [count, headDim].
function normHeads(
  heads: usize,
  count: usize,
  headDim: usize,
  norm: usize,
  normsRow: bool,
  eps: f64,
  out: usize,
): void {
  const headBytes = headDim << 2;
  if (!norm) memory.copy(out, heads, count * headBytes);
  else if (normsRow) normRow(heads, norm, count * headDim, eps, out);
  else
    for (let h: usize = 0; h < count; h++)
      normRow(heads + h * headBytes, norm, headDim, eps, out + h * headBytes);
}

// Rows of qkv [headCount + 2 kvHeadCount, headDim]: q, normed (qNorm != 0) and rotated, to `out`
// [headCount, headDim]; k likewise, and v as it is, to the cache from `position` on. `keyRow` is scratch
// [kvHeadCount, headDim].
export function ropeCache(
  qkv: usize,
  rows: usize,
  position: usize,
  headCount: usize,
  kvHeadCount: usize,
  headDim: usize,
  qNorm: usize,
  kNorm: usize,
  normsRow: bool,
  eps: f64,
  table: usize,
  dimension: usize,
  neox: bool,
  pageTable: usize,
  out: usize,
  keyRow: usize,
): void {
  const headBytes = headDim << 2;
  for (let row: usize = 0; row < rows; row++, table += dimension << 2) {
    normHeads(qkv, headCount, headDim, qNorm, normsRow, eps, out);
    for (let h: usize = 0; h < headCount; h++, out += headBytes) rotate(out, table, dimension, neox);
    qkv += headCount * headBytes;
    const slot = (position + row) % PAGE;
    const page = pageOf(pageTable, (position + row) / PAGE);
    normHeads(qkv, kvHeadCount, headDim, kNorm, normsRow, eps, keyRow);
    qkv += kvHeadCount * headBytes;
    for (let h: usize = 0; h < kvHeadCount; h++) {
      const head = keyRow + h * headBytes;
      rotate(head, table, dimension, neox);
      writeKey(head, keysOf(page, h, headDim), slot, headDim);
    }
    for (let h: usize = 0; h < kvHeadCount; h++, qkv += headBytes) {
      writeValue(qkv, valuesOf(page, h, headDim), slot, headDim);
    }
  }
}
