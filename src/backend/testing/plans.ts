/**
 * Tiny plans for tests of backends: a whole two-layer MoE model of any shape, and the random weights to fill it.
 * The op sequence is that of a Qwen3-like decoder (pre-norm, fused q/k/v, optional QK-norm, routed FFN).
 */

import {
  EXPERT_MATRICES,
  type ExpertMatrix,
  type ForwardPlan,
  type LayerPlan,
  type Op,
  type RopeSpec,
  type TensorSpec,
  type ValueId,
  type ValueSpec,
} from "../../model/plan.ts";
import { type QuantName, SEGMENT_ROW_MULTIPLE } from "../../model/quantization.ts";
import type { Backend } from "../backend.ts";
import { allRows, createRandom, type PackedTensor, packTensor, randomTensor, sliceRows } from "./tensors.ts";

export interface TinyShape {
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly expertCount: number;
  readonly expertsPerToken: number;
  readonly expertHiddenSize: number;
  /** Of embedding, attention and output head; norms and routers are f32. */
  readonly trunkType: QuantName;
  readonly expertType: QuantName;
  readonly qkNorm: boolean;
  readonly rope: RopeSpec;
}

export const TINY_SHAPE: TinyShape = {
  hiddenSize: 96,
  layerCount: 2,
  headCount: 6,
  kvHeadCount: 2,
  headDim: 32,
  vocabSize: 101,
  contextLength: 512,
  expertCount: 8,
  expertsPerToken: 3,
  expertHiddenSize: 160,
  trunkType: "q8_0",
  expertType: "q8_0",
  qkNorm: true,
  rope: { pairing: "neox", dimension: 32, freqBase: 10_000 },
};

export const NORM_EPS = 1e-6;

/** A whole decoder of the given shape. Value names: `layer0.input`, `layer0.qkv`, …, `hidden`, `logits`. */
export function tinyPlan(overrides: Partial<TinyShape> = {}): ForwardPlan {
  const shape: TinyShape = { ...TINY_SHAPE, ...overrides };
  const { hiddenSize, headCount, kvHeadCount, headDim, vocabSize, expertCount, expertHiddenSize } = shape;
  const trunk: TensorSpec[] = [];
  const values: ValueSpec[] = [];
  const tensor = (name: string, rows: number, cols: number, type: QuantName): string => {
    trunk.push({ name, rows, cols, type });
    return name;
  };
  const value = (name: string, width: number, rows: ValueSpec["rows"] = "batch"): ValueId =>
    values.push({ name, width, rows, kind: name.endsWith(".input") ? "replay" : "scratch" }) - 1;
  const vector = (name: string, width: number): string => tensor(name, 1, width, "f32");
  const matrix = (name: string, rows: number, cols: number): string =>
    tensor(name, rows, cols, shape.trunkType);

  const qWidth = headCount * headDim;
  const kvWidth = kvHeadCount * headDim;
  const embedding = matrix("token_embd.weight", vocabSize, hiddenSize);
  const first = value("layer0.input", hiddenSize);
  const layers: LayerPlan[] = [];
  let input = first;
  for (let index = 0; index < shape.layerCount; index++) {
    const at = (name: string): string => `blk.${index}.${name}.weight`;
    const v = (name: string, width: number): ValueId => value(`layer${index}.${name}`, width);
    const normed = v("normed", hiddenSize);
    const qkv = v("qkv", qWidth + 2 * kvWidth);
    const q = v("q", qWidth);
    const attended = v("attended", qWidth);
    const residual = v("residual", hiddenSize);
    const ffnInput = v("ffnInput", hiddenSize);
    const routerLogits = v("routerLogits", expertCount);
    const output = value(index + 1 < shape.layerCount ? `layer${index + 1}.input` : "output", hiddenSize);
    const router = {
      expertCount,
      expertsPerToken: shape.expertsPerToken,
      score: "softmax",
      weights: "renormalized",
      scale: 1,
    } as const;
    const ops: Op[] = [
      {
        kind: "rms-norm",
        x: input,
        weight: vector(at("attn_norm"), hiddenSize),
        eps: NORM_EPS,
        rows: "each",
        out: normed,
      },
      {
        kind: "linear",
        x: normed,
        weights: [
          matrix(at("attn_q"), qWidth, hiddenSize),
          matrix(at("attn_k"), kvWidth, hiddenSize),
          matrix(at("attn_v"), kvWidth, hiddenSize),
        ],
        out: qkv,
      },
      {
        kind: "rope-cache",
        layer: index,
        qkv,
        ...(shape.qkNorm && {
          qNorm: vector(at("attn_q_norm"), headDim),
          kNorm: vector(at("attn_k_norm"), headDim),
        }),
        eps: NORM_EPS,
        rope: shape.rope,
        out: q,
      },
      { kind: "attention", layer: index, q, scale: 1 / Math.sqrt(headDim), out: attended },
      {
        kind: "linear",
        x: attended,
        weights: [matrix(at("attn_output"), hiddenSize, qWidth)],
        residual: input,
        out: residual,
      },
      {
        kind: "rms-norm",
        x: residual,
        weight: vector(at("ffn_norm"), hiddenSize),
        eps: NORM_EPS,
        rows: "each",
        out: ffnInput,
      },
      {
        kind: "linear",
        x: ffnInput,
        weights: [tensor(at("ffn_gate_inp"), expertCount, hiddenSize, "f32")],
        out: routerLogits,
      },
      { kind: "route", layer: index, logits: routerLogits, spec: router },
      { kind: "experts", layer: index, x: ffnInput, activation: "silu" },
      { kind: "combine", layer: index, residual, out: output },
    ];
    const expert = (name: ExpertMatrix, rows: number, cols: number): TensorSpec => ({
      name: at(`ffn_${name}_exps`),
      rows,
      cols,
      type: shape.expertType,
    });
    layers.push({
      index,
      input,
      output,
      ops,
      moe: {
        router,
        expertHiddenSize,
        matrices: {
          gate: expert("gate", expertHiddenSize, hiddenSize),
          up: expert("up", expertHiddenSize, hiddenSize),
          down: expert("down", hiddenSize, expertHiddenSize),
        },
      },
    });
    input = output;
  }
  const hidden = value("hidden", hiddenSize, "one");
  const logits = value("logits", vocabSize, "one");
  return {
    architecture: "tiny",
    hyperparameters: shape,
    trunk,
    values,
    prologue: [{ kind: "embed", weight: embedding, out: first }],
    layers,
    epilogue: [
      {
        kind: "rms-norm",
        x: input,
        weight: vector("output_norm.weight", hiddenSize),
        eps: NORM_EPS,
        rows: "last",
        out: hidden,
      },
      { kind: "linear", x: hidden, weights: [matrix("output.weight", vocabSize, hiddenSize)], out: logits },
    ],
    logits,
  };
}

/** A plan that holds only what the test of one op needs; `hyperparameters` default to TINY_SHAPE's. */
export function opPlan(parts: {
  readonly trunk?: readonly TensorSpec[];
  readonly values: readonly ValueSpec[];
  readonly layers?: readonly LayerPlan[];
  readonly shape?: Partial<TinyShape>;
}): ForwardPlan {
  return {
    architecture: "single-op",
    hyperparameters: { ...TINY_SHAPE, ...parts.shape },
    trunk: parts.trunk ?? [],
    values: parts.values,
    prologue: [],
    layers: parts.layers ?? [],
    epilogue: [],
    logits: 0,
  };
}

/** The id of a plan's value by name. */
export function valueId(plan: ForwardPlan, name: string): ValueId {
  const id = plan.values.findIndex((value) => value.name === name);
  if (id < 0) throw new Error(`no value ${name}`);
  return id;
}

/** The first op of a kind, narrowed to its type; a layer's own, or the whole plan's. */
export function findOp<K extends Op["kind"]>(
  plan: ForwardPlan,
  kind: K,
  layer?: number,
): Extract<Op, { kind: K }> {
  const ops =
    layer === undefined
      ? [...plan.prologue, ...plan.layers.flatMap((l) => l.ops), ...plan.epilogue]
      : plan.layers[layer]!.ops;
  const isKind = (op: Op): op is Extract<Op, { kind: K }> => op.kind === kind;
  const op = ops.find(isKind);
  if (!op) throw new Error(`no ${kind} op`);
  return op;
}

export interface PlanWeights {
  readonly trunk: ReadonlyMap<string, PackedTensor>;
  /** `experts[layer][expert]`; empty for a dense layer. */
  readonly experts: readonly (readonly Readonly<Record<ExpertMatrix, PackedTensor>>[])[];
}

/** Random weights of a plan: matrices keep activations near unit size, vectors (norms) lie around 1. */
export function randomWeights(plan: ForwardPlan, seed: number): PlanWeights {
  const random = createRandom(seed);
  const fill = ({ type, rows, cols }: TensorSpec): PackedTensor => {
    const tensor = randomTensor(random, type, rows, cols, rows === 1 ? 0.5 : 3 / Math.sqrt(cols));
    if (rows > 1 || type !== "f32") return tensor;
    return packTensor(
      type,
      rows,
      cols,
      tensor.values.map((value) => 1 + value),
    );
  };
  return {
    trunk: new Map(plan.trunk.map((spec) => [spec.name, fill(spec)])),
    experts: plan.layers.map(({ moe }) =>
      Array.from({ length: moe ? plan.hyperparameters.expertCount : 0 }, () => ({
        gate: fill(moe!.matrices.gate),
        up: fill(moe!.matrices.up),
        down: fill(moe!.matrices.down),
      })),
    ),
  };
}

/** Writes the whole trunk, each tensor in two deliveries where it is tall enough for segments. */
export function writeTrunk(backend: Backend, plan: ForwardPlan, weights: PlanWeights): void {
  for (const spec of plan.trunk) {
    const tensor = weights.trunk.get(spec.name)!;
    const cut = Math.floor(spec.rows / 2 / SEGMENT_ROW_MULTIPLE) * SEGMENT_ROW_MULTIPLE;
    if (cut > 0) backend.writeTrunk(spec, sliceRows(tensor, 0, cut));
    backend.writeTrunk(spec, cut > 0 ? sliceRows(tensor, cut, spec.rows - cut) : allRows(tensor));
  }
}

/** Writes one expert's three matrices into a slot. */
export function writeExpert(
  backend: Backend,
  weights: PlanWeights,
  at: { readonly layer: number; readonly expert: number; readonly slot: number },
): void {
  const record = weights.experts[at.layer]![at.expert]!;
  for (const matrix of EXPERT_MATRICES) backend.writeSlot(at.layer, at.slot, matrix, allRows(record[matrix]));
}
