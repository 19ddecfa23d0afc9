/**
 * The ops of a ForwardPlan in float64, written for clarity: what every kernel is compared with. All matrices are
 * row-major. `Bounded` results carry for each element the sum of magnitudes that went into it: the yardstick for
 * f32 rounding, since an error relative to a sum that cancelled says nothing.
 */
import type { RopeSpec } from "../../model/plan.ts";

type Numbers = ArrayLike<number>;

export interface Bounded {
  readonly values: Float64Array;
  /** Σ |term| of each element. */
  readonly magnitudes: Float64Array;
}

/** The largest |actual − expected| / magnitude; infinity where something is not finite. */
export function worstError(actual: Numbers, { values, magnitudes }: Bounded): number {
  if (actual.length !== values.length)
    throw new Error(`${actual.length} elements, expected ${values.length}`);
  let worst = 0;
  for (let i = 0; i < values.length; i++) {
    const difference = Math.abs(actual[i]! - values[i]!);
    const error = difference === 0 ? 0 : difference / magnitudes[i]!;
    if (!(error <= worst)) worst = Number.isFinite(error) ? error : Number.POSITIVE_INFINITY;
  }
  return worst;
}

/** Magnitudes that make `worstError` an error relative to the largest element of each row. */
export function boundedByRow(values: Float64Array, width: number): Bounded {
  const magnitudes = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += width) {
    const row = values.subarray(start, start + width);
    magnitudes.fill(
      row.reduce((best, x) => Math.max(best, Math.abs(x)), Number.MIN_VALUE),
      start,
      start + width,
    );
  }
  return { values, magnitudes };
}

/** [residual +] scale · (x · weightᵀ [+ bias]): `x` [n, cols], `weight` [rows, cols], `bias` [rows] → [n, rows]. */
export function linear(
  x: Numbers,
  weight: { readonly rows: number; readonly cols: number; readonly values: Numbers },
  extras: { readonly bias?: Numbers; readonly scale?: number; readonly residual?: Numbers } = {},
): Bounded {
  const { rows, cols } = weight;
  const { bias, scale = 1, residual } = extras;
  const n = x.length / cols;
  const values = new Float64Array(n * rows);
  const magnitudes = new Float64Array(n * rows);
  for (let i = 0; i < n; i++) {
    for (let row = 0; row < rows; row++) {
      let sum = bias?.[row] ?? 0;
      let magnitude = Math.abs(sum);
      for (let col = 0; col < cols; col++) {
        const term = x[i * cols + col]! * weight.values[row * cols + col]!;
        sum += term;
        magnitude += Math.abs(term);
      }
      const added = residual?.[i * rows + row] ?? 0;
      values[i * rows + row] = added + scale * sum;
      magnitudes[i * rows + row] = Math.abs(added) + Math.abs(scale) * magnitude;
    }
  }
  return { values, magnitudes };
}

/** x / √(mean(x²) + eps) · weight, of each row of `x` [n, weight.length]. */
export function rmsNorm(x: Numbers, weight: Numbers, eps: number): Float64Array {
  const width = weight.length;
  const out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += width) {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x[start + i]! ** 2;
    const factor = 1 / Math.sqrt(squares / width + eps);
    for (let i = 0; i < width; i++) out[start + i] = x[start + i]! * factor * weight[i]!;
  }
  return out;
}

/**
 * Rotates the leading `rope.dimension` elements of one head by position · freqScale · freqBase^(−2i/dimension) /
 * factors[i].
 */
export function rope(head: Numbers, position: number, spec: RopeSpec, factors?: Numbers): Float64Array {
  const out = Float64Array.from(head);
  const half = spec.dimension / 2;
  for (let i = 0; i < half; i++) {
    const turns = (spec.freqScale ?? 1) * spec.freqBase ** ((-2 * i) / spec.dimension);
    const angle = (position * turns) / (factors?.[i] ?? 1);
    const [a, b] = spec.pairing === "neox" ? [i, i + half] : [2 * i, 2 * i + 1];
    out[a] = head[a]! * Math.cos(angle) - head[b]! * Math.sin(angle);
    out[b] = head[a]! * Math.sin(angle) + head[b]! * Math.cos(angle);
  }
  return out;
}

export interface HeadShape {
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headDim: number;
}

export interface RopeCacheInput extends HeadShape {
  readonly eps: number;
  readonly rope: RopeSpec;
  /** [headDim], or as wide as all heads, which are then normalised as one row. */
  readonly qNorm?: Numbers;
  readonly kNorm?: Numbers;
  /** Of `rope`. */
  readonly factors?: Numbers;
  /** Position of the first row. */
  readonly position: number;
}

/** Splits `qkv` [n, (headCount + 2·kvHeadCount)·headDim] into normed and rotated q and k, and v. */
export function ropeCache(
  qkv: Numbers,
  input: RopeCacheInput,
): { readonly q: Float64Array; readonly k: Float64Array; readonly v: Float64Array } {
  const { headCount, kvHeadCount, headDim } = input;
  const heads = headCount + 2 * kvHeadCount;
  const n = qkv.length / (heads * headDim);
  const parts = { q: [] as number[], k: [] as number[], v: [] as number[] };
  for (let row = 0; row < n; row++) {
    const part = (first: number, count: number): Float64Array =>
      Float64Array.from({ length: count * headDim }, (_, i) => qkv[(row * heads + first) * headDim + i]!);
    const turned = (raw: Float64Array, norm: Numbers | undefined): number[] => {
      const normed = norm ? rmsNorm(raw, norm, input.eps) : raw;
      return Array.from({ length: raw.length / headDim }, (_, head) =>
        rope(
          normed.subarray(head * headDim, (head + 1) * headDim),
          input.position + row,
          input.rope,
          input.factors,
        ),
      ).flatMap((head) => Array.from(head));
    };
    parts.q.push(...turned(part(0, headCount), input.qNorm));
    parts.k.push(...turned(part(headCount, kvHeadCount), input.kNorm));
    parts.v.push(...part(headCount + kvHeadCount, kvHeadCount));
  }
  return { q: Float64Array.from(parts.q), k: Float64Array.from(parts.k), v: Float64Array.from(parts.v) };
}

/**
 * Causal grouped-query attention: `q` [n, headCount·headDim] at positions [position, position + n) over `k`, `v`
 * [position + n, kvHeadCount·headDim].
 */
export function attention(
  q: Numbers,
  k: Numbers,
  v: Numbers,
  input: HeadShape & { readonly position: number; readonly scale: number },
): Bounded {
  const { headCount, kvHeadCount, headDim, position, scale } = input;
  const n = q.length / (headCount * headDim);
  const values = new Float64Array(q.length);
  const magnitudes = new Float64Array(q.length);
  for (let row = 0; row < n; row++) {
    for (let head = 0; head < headCount; head++) {
      const kvHead = Math.floor(head / (headCount / kvHeadCount));
      const at = (row * headCount + head) * headDim;
      const scores = Array.from({ length: position + row + 1 }, (_, p) => {
        let dot = 0;
        for (let i = 0; i < headDim; i++) dot += q[at + i]! * k[(p * kvHeadCount + kvHead) * headDim + i]!;
        return dot * scale;
      });
      const largest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      const weights = scores.map((score) => Math.exp(score - largest));
      const total = weights.reduce((a, b) => a + b, 0);
      for (let i = 0; i < headDim; i++) {
        weights.forEach((weight, p) => {
          const term = (weight / total) * v[(p * kvHeadCount + kvHead) * headDim + i]!;
          values[at + i]! += term;
          magnitudes[at + i]! += Math.abs(term);
        });
      }
    }
  }
  return { values, magnitudes };
}

interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly values: Numbers;
}

export const silu = (x: number): number => x / (1 + Math.exp(-x));

/** down · (silu(gate·x) ⊙ (up·x)) of one expert on rows `x` [n, hiddenSize]. */
export function expert(x: Numbers, weights: Readonly<Record<"gate" | "up" | "down", Matrix>>): Bounded {
  const gate = linear(x, weights.gate).values;
  const up = linear(x, weights.up).values;
  return linear(
    gate.map((g, i) => silu(g) * up[i]!),
    weights.down,
  );
}

/** silu(first half) ⊙ second half of each row of `x` [n, 2·width] → [n, width]. */
export function gatedActivation(x: Numbers, width: number): Float64Array {
  return Float64Array.from({ length: x.length / 2 }, (_, i) => {
    const gate = Math.floor(i / width) * 2 * width + (i % width);
    return silu(x[gate]!) * x[gate + width]!;
  });
}

/**
 * residual + scale · (Σ_rank weight · row [+ shared]): `residual`, `shared` [n, width], `weights` [n, ranks], `rows`
 * [n, ranks, width].
 */
export function combine(
  residual: Numbers,
  weights: Numbers,
  rows: Numbers,
  width: number,
  { shared, scale = 1 }: { readonly shared?: Numbers; readonly scale?: number } = {},
): Bounded {
  const n = residual.length / width;
  const ranks = weights.length / n;
  const values = Float64Array.from(residual);
  const magnitudes = values.map(Math.abs);
  for (let row = 0; row < n; row++) {
    for (let rank = 0; rank < ranks; rank++) {
      for (let i = 0; i < width; i++) {
        const term = scale * weights[row * ranks + rank]! * rows[(row * ranks + rank) * width + i]!;
        values[row * width + i]! += term;
        magnitudes[row * width + i]! += Math.abs(term);
      }
    }
  }
  values.forEach((_, i) => {
    const term = scale * (shared?.[i] ?? 0);
    values[i]! += term;
    magnitudes[i]! += Math.abs(term);
  });
  return { values, magnitudes };
}
