import type { QuantName } from "./quantization.ts";
import type { RouterSpec } from "./router-spec.ts";

/**
 * An architecture compiled to a list of typed ops. Backends implement ops, one executor runs any plan; a new
 * architecture is a table entry and, at most, a new op. All activations are f32, row-major `[rows, width]`.
 */

/** A matrix `[rows, cols]` computing `rows` outputs from `cols` inputs, or a vector (`rows` = 1). */
export interface TensorSpec {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  readonly type: QuantName;
}

export type ValueId = number;

export interface ValueSpec {
  readonly name: string;
  readonly width: number;
  /** `batch`: one row a token of the batch; `one`: a single row. */
  readonly rows: "batch" | "one";
  /** A replay value enters a layer and outlives a decode pass, so that the pass can run again from there. */
  readonly kind: "scratch" | "replay";
}

export interface RopeSpec {
  /** `neox` rotates (i, i + dimension/2), `norm` rotates (2i, 2i + 1). */
  readonly pairing: "neox" | "norm";
  /** Leading elements of a head that turn. */
  readonly dimension: number;
  readonly freqBase: number;
  /** Multiplies every angle: the inverse of a linear scaling factor. Default 1. */
  readonly freqScale?: number;
  /** Vector [dimension / 2] that divides the frequencies (Llama 3). */
  readonly factors?: string;
}

/** out = scale · row of `weight` [vocabSize, hiddenSize] for each token id. */
export interface EmbedOp {
  readonly kind: "embed";
  readonly weight: string;
  /** Default 1. */
  readonly scale?: number;
  readonly out: ValueId;
}

/** out = x / sqrt(mean(x²) + eps) · weight, of every row or of the batch's last row only. */
export interface RmsNormOp {
  readonly kind: "rms-norm";
  readonly x: ValueId;
  readonly weight: string;
  readonly eps: number;
  readonly rows: "each" | "last";
  readonly out: ValueId;
}

/** out = [residual +] scale · (concat(W₀·x, W₁·x, …) [+ concat(b₀, b₁, …)]); a residual needs a single weight. */
export interface LinearOp {
  readonly kind: "linear";
  readonly x: ValueId;
  readonly weights: readonly string[];
  /** One vector a weight, or none at all. */
  readonly biases?: readonly string[];
  /** Default 1. */
  readonly scale?: number;
  readonly residual?: ValueId;
  readonly out: ValueId;
}

/**
 * Splits `qkv` [rows, (headCount + 2·kvHeadCount)·headDim], normalises q and k where norm weights are given,
 * rotates both by position, writes q to `out` [rows, headCount·headDim] and k, v to the layer's cache.
 */
export interface RopeCacheOp {
  readonly kind: "rope-cache";
  readonly layer: number;
  readonly qkv: ValueId;
  /** RMSNorm weights: [headDim], one head at a time (the default), or as wide as all heads, which are then one row. */
  readonly qNorm?: string;
  readonly kNorm?: string;
  readonly normSpan?: "head" | "row";
  readonly eps: number;
  readonly rope: RopeSpec;
  readonly out: ValueId;
}

/** Causal grouped-query attention over the layer's cache: softmax(q·k·scale)·v, heads concatenated. */
export interface AttentionOp {
  readonly kind: "attention";
  readonly layer: number;
  readonly q: ValueId;
  readonly scale: number;
  readonly out: ValueId;
}

/** out [rows, n] = act(first half of x) ⊙ second half of x [rows, 2·n]: a dense or shared gated FFN. */
export interface GatedActivationOp {
  readonly kind: "gated-activation";
  readonly x: ValueId;
  readonly activation: "silu";
  readonly out: ValueId;
}

/** Picks experts from `logits` [rows, expertCount] into the layer's routing decisions. */
export interface RouteOp {
  readonly kind: "route";
  readonly layer: number;
  readonly logits: ValueId;
  readonly spec: RouterSpec;
}

/**
 * Every selected expert of the layer on its rows of `x`: down · (act(gate·x) ⊙ (up·x)), each (row, rank) into a
 * row of its own, so that neither residency nor order of arrival can change the sum.
 */
export interface ExpertsOp {
  readonly kind: "experts";
  readonly layer: number;
  readonly x: ValueId;
  readonly activation: "silu";
}

/** out = residual + scale · (Σ_rank weight · expert row, ranks ascending [, + shared]). */
export interface CombineOp {
  readonly kind: "combine";
  readonly layer: number;
  readonly residual: ValueId;
  /** What the shared experts computed [rows, hiddenSize]: the last summand. */
  readonly shared?: ValueId;
  /** Default 1. */
  readonly scale?: number;
  readonly out: ValueId;
}

/** The ops a backend runs on its own; `route` and `experts` also take part in residency. */
export type Op =
  | EmbedOp
  | RmsNormOp
  | LinearOp
  | RopeCacheOp
  | AttentionOp
  | GatedActivationOp
  | RouteOp
  | ExpertsOp
  | CombineOp;

export const EXPERT_MATRICES = ["gate", "up", "down"] as const;
export type ExpertMatrix = (typeof EXPERT_MATRICES)[number];

/** The routed experts of one layer. */
export interface MoeSpec {
  readonly router: RouterSpec;
  readonly expertHiddenSize: number;
  /** One expert's matrices; `name` is the stacked tensor `[experts, rows, cols]` in the file. */
  readonly matrices: Readonly<Record<ExpertMatrix, TensorSpec>>;
}

export interface LayerPlan {
  readonly index: number;
  /** The layer's replay input and its output (the next layer's input). */
  readonly input: ValueId;
  readonly output: ValueId;
  /** In order. A MoE layer has exactly one `route`, directly followed by `experts` and `combine`. */
  readonly ops: readonly Op[];
  readonly moe?: MoeSpec;
}

export interface Hyperparameters {
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly contextLength: number;
  /** 0 in a dense model, like the next two. */
  readonly expertCount: number;
  readonly expertsPerToken: number;
  readonly expertHiddenSize: number;
}

export interface ForwardPlan {
  readonly architecture: string;
  readonly hyperparameters: Hyperparameters;
  /** Every tensor that is not a routed expert, in file order. */
  readonly trunk: readonly TensorSpec[];
  readonly values: readonly ValueSpec[];
  readonly prologue: readonly Op[];
  readonly layers: readonly LayerPlan[];
  /** Ends with the value `logits` [1, vocabSize] of the batch's last row. */
  readonly epilogue: readonly Op[];
  readonly logits: ValueId;
}

/** KV cache bytes a position takes over all layers, in f32. */
export function kvBytesPerPosition({ hyperparameters: h }: ForwardPlan): number {
  return h.layerCount * 2 * h.kvHeadCount * h.headDim * 4;
}
