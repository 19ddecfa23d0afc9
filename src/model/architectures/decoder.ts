import { WebMoEError } from "../../api/errors.ts";
import { type ModelFile, requireTensor } from "../model-file.ts";
import type { ForwardPlan, Hyperparameters, LayerPlan, MoeSpec, Op, RopeSpec, ValueId } from "../plan.ts";
import { type PlanBuilder, planBuilder } from "../plan-builder.ts";
import type { RouterSpec } from "../router-spec.ts";

/**
 * The decoder that most of today's models are: pre-norm blocks of grouped-query attention and a gated FFN, dense
 * or routed. What differs between architectures is data; keys and tensor names are those llama.cpp reads.
 */
export interface DecoderTraits {
  /** `general.architecture`, the prefix of its keys. */
  readonly architecture: string;
  readonly ropePairing: RopeSpec["pairing"];
  /** RMSNorm on q and k: per head, over the whole row of heads, or none. */
  readonly qkNorm: RopeNorm;
  /** How the router weighs what it picks; without `expert_count` in the file every layer is dense. */
  readonly routerWeights: RouterSpec["weights"];
  /** Key of the width of an expert. */
  readonly expertWidthKey: "expert_feed_forward_length" | "feed_forward_length";
  /** Granite's multipliers: embedding, residual, attention and (dividing) logit scale. */
  readonly scales: boolean;
}
type RopeNorm = "none" | "head" | "row";

/** What the metadata says, checked. */
interface Shape {
  readonly hyperparameters: Hyperparameters;
  readonly eps: number;
  readonly rope: RopeSpec;
  /** Width of the dense FFN. */
  readonly denseHiddenSize: number;
  /** Width of the shared experts; 0 if there are none. */
  readonly sharedHiddenSize: number;
  readonly embeddingScale: number;
  readonly residualScale: number;
  readonly attentionScale: number;
  readonly logitScale: number;
  readonly router: RouterSpec | undefined;
}

function readShape(file: ModelFile, traits: DecoderTraits): Shape {
  const { metadata } = file;
  const key = (name: string): string => `${traits.architecture}.${name}`;
  const width = (name: string): number => metadata.count(key(name), 1, 2 ** 20);
  const hiddenSize = metadata.count(key("embedding_length"), 1, 65536);
  const headCount = metadata.count(key("attention.head_count"), 1, 1024);
  const kvHeadCount = metadata.optionalCount(key("attention.head_count_kv"), 1, 1024) ?? headCount;
  const headDim = metadata.optionalCount(key("attention.key_length"), 2, 1024) ?? hiddenSize / headCount;
  const valueDim = metadata.optionalCount(key("attention.value_length"), 2, 1024) ?? headDim;
  if (headCount % kvHeadCount !== 0)
    throw new WebMoEError(
      "bad-gguf",
      `${headCount} query heads do not share ${kvHeadCount} key-value heads evenly.`,
    );
  if (!Number.isInteger(headDim) || headDim % 8 !== 0 || valueDim !== headDim)
    throw new WebMoEError(
      "unsupported-architecture",
      `Heads of ${headDim} (keys) and ${valueDim} (values) are not supported: they must be equal, a multiple of 8.`,
    );

  const expertCount = metadata.optionalCount(key("expert_count"), 0, 512) ?? 0;
  const expertsPerToken =
    expertCount > 0 ? metadata.count(key("expert_used_count"), 1, Math.min(32, expertCount)) : 0;
  const router: RouterSpec | undefined =
    expertCount > 0
      ? {
          expertCount,
          expertsPerToken,
          score: "softmax",
          weights: traits.routerWeights,
          scale: metadata.optionalScale(key("expert_weights_scale")) ?? 1,
        }
      : undefined;
  const scale = (name: string, absent: number): number =>
    (traits.scales ? metadata.optionalScale(key(name)) : undefined) ?? absent;
  return {
    hyperparameters: {
      hiddenSize,
      layerCount: metadata.count(key("block_count"), 1, 1024),
      headCount,
      kvHeadCount,
      headDim,
      vocabSize: file.tensors.get("token_embd.weight")?.shape[1] ?? 1,
      contextLength: metadata.count(key("context_length"), 1, 2 ** 24),
      expertCount,
      expertsPerToken,
      expertHiddenSize: router ? width(traits.expertWidthKey) : 0,
    },
    denseHiddenSize: router ? 0 : width("feed_forward_length"),
    sharedHiddenSize: metadata.optionalCount(key("expert_shared_feed_forward_length"), 0, 2 ** 20) ?? 0,
    eps: metadata.positive(key("attention.layer_norm_rms_epsilon")),
    rope: readRope(file, traits, headDim),
    router,
    embeddingScale: scale("embedding_scale", 1),
    residualScale: scale("residual_scale", 1),
    attentionScale: scale("attention.scale", 1 / Math.sqrt(headDim)),
    logitScale: 1 / scale("logit_scale", 1),
  };
}

function readRope(file: ModelFile, { architecture, ropePairing }: DecoderTraits, headDim: number): RopeSpec {
  const { metadata } = file;
  const key = (name: string): string => `${architecture}.rope.${name}`;
  const scaling = metadata.optionalString(key("scaling.type")) ?? "none";
  if (scaling !== "none" && scaling !== "linear")
    throw new WebMoEError(
      "unsupported-architecture",
      `${key("scaling.type")} is ${scaling}; none and linear are supported.`,
    );
  const dimension = metadata.optionalCount(key("dimension_count"), 2, headDim) ?? headDim;
  if (dimension % 2 !== 0) throw new WebMoEError("bad-gguf", `${key("dimension_count")} is odd.`);
  const factor = (scaling === "linear" ? metadata.optionalPositive(key("scaling.factor")) : undefined) ?? 1;
  return {
    pairing: ropePairing,
    dimension,
    freqBase: metadata.optionalPositive(key("freq_base")) ?? 10000,
    freqScale: 1 / factor,
    ...(file.tensors.has("rope_freqs.weight") ? { factors: "rope_freqs.weight" } : {}),
  };
}

/** Activations that every layer uses in turn. */
interface Values {
  readonly attended: ValueId;
  readonly normed: ValueId;
  readonly qkv: ValueId;
  readonly q: ValueId;
  readonly attention: ValueId;
}

const tensorName = (layer: number, name: string, kind = "weight"): string => `blk.${layer}.${name}.${kind}`;

/** Biases of `names` if the file has them: all or none. */
function optionalBiases(
  file: ModelFile,
  builder: PlanBuilder,
  tensors: readonly { readonly name: string; readonly rows: number }[],
): { biases?: readonly string[] } {
  if (!tensors.some(({ name }) => file.tensors.has(name))) return {};
  return { biases: tensors.map(({ name, rows }) => builder.vector(name, rows)) };
}

function attentionOps(
  file: ModelFile,
  builder: PlanBuilder,
  traits: DecoderTraits,
  shape: Shape,
  values: Values,
  layer: number,
  input: ValueId,
): Op[] {
  const { eps, rope, attentionScale, residualScale } = shape;
  const { hiddenSize, headCount, kvHeadCount, headDim } = shape.hyperparameters;
  const { normed, qkv, q, attention, attended } = values;
  const heads = [
    { name: "attn_q", rows: headCount * headDim },
    { name: "attn_k", rows: kvHeadCount * headDim },
    { name: "attn_v", rows: kvHeadCount * headDim },
  ];
  const norm = (name: string, heads: number): string =>
    builder.vector(tensorName(layer, name), traits.qkNorm === "row" ? heads * headDim : headDim);
  const biasesOf = (tensors: readonly { readonly name: string; readonly rows: number }[]) =>
    optionalBiases(
      file,
      builder,
      tensors.map(({ name, rows }) => ({ name: tensorName(layer, name, "bias"), rows })),
    );
  return [
    {
      kind: "rms-norm",
      x: input,
      weight: builder.vector(tensorName(layer, "attn_norm"), hiddenSize),
      eps,
      rows: "each",
      out: normed,
    },
    {
      kind: "linear",
      x: normed,
      weights: heads.map(({ name, rows }) => builder.matrix(tensorName(layer, name), rows, hiddenSize)),
      ...biasesOf(heads),
      out: qkv,
    },
    {
      kind: "rope-cache",
      layer,
      qkv,
      ...(traits.qkNorm === "none"
        ? {}
        : { qNorm: norm("attn_q_norm", headCount), kNorm: norm("attn_k_norm", kvHeadCount) }),
      normSpan: traits.qkNorm === "row" ? "row" : "head",
      eps,
      rope,
      out: q,
    },
    { kind: "attention", layer, q, scale: attentionScale, out: attention },
    {
      kind: "linear",
      x: attention,
      weights: [builder.matrix(tensorName(layer, "attn_output"), hiddenSize, headCount * headDim)],
      ...biasesOf([{ name: "attn_output", rows: hiddenSize }]),
      scale: residualScale,
      residual: input,
      out: attended,
    },
    {
      kind: "rms-norm",
      x: attended,
      weight: builder.vector(tensorName(layer, "ffn_norm"), hiddenSize),
      eps,
      rows: "each",
      out: normed,
    },
  ];
}

/** A gated FFN that every token uses: the dense one (suffix `""`) or the shared experts (`_shexp`). */
interface GatedFfn {
  readonly suffix: string;
  readonly width: number;
  readonly gateUp: ValueId;
  readonly hidden: ValueId;
}

function gatedFfn(builder: PlanBuilder, suffix: string, width: number): GatedFfn {
  const gateUp = builder.value(`gate and up${suffix}`, 2 * width);
  return { suffix, width, gateUp, hidden: builder.value(`ffn hidden${suffix}`, width) };
}

/** Gate and up as one linear, then the activation; the caller applies `down` to `hidden`. */
function gatedFfnOps(builder: PlanBuilder, ffn: GatedFfn, layer: number, hiddenSize: number, x: ValueId) {
  const { suffix, width, gateUp, hidden } = ffn;
  const matrix = (name: string, rows: number, cols: number): string =>
    builder.matrix(tensorName(layer, `ffn_${name}${suffix}`), rows, cols);
  const ops: Op[] = [
    {
      kind: "linear",
      x,
      weights: [matrix("gate", width, hiddenSize), matrix("up", width, hiddenSize)],
      out: gateUp,
    },
    { kind: "gated-activation", x: gateUp, activation: "silu", out: hidden },
  ];
  return { ops, down: matrix("down", hiddenSize, width) };
}

function moeSpec(file: ModelFile, shape: Shape, router: RouterSpec, layer: number): MoeSpec {
  const { hiddenSize, expertHiddenSize, expertCount } = shape.hyperparameters;
  const stack = (name: string, rows: number, cols: number) =>
    requireTensor(file, tensorName(layer, name), rows, cols, expertCount);
  return {
    router,
    expertHiddenSize,
    matrices: {
      gate: stack("ffn_gate_exps", expertHiddenSize, hiddenSize),
      up: stack("ffn_up_exps", expertHiddenSize, hiddenSize),
      down: stack("ffn_down_exps", hiddenSize, expertHiddenSize),
    },
  };
}

/** Errors: `bad-gguf`, `unsupported-architecture`, `unsupported-quantization`; each names the key or tensor. */
export function compileDecoder(file: ModelFile, traits: DecoderTraits): ForwardPlan {
  const shape = readShape(file, traits);
  const { eps, residualScale, router } = shape;
  const { hiddenSize, headCount, kvHeadCount, headDim, vocabSize, layerCount } = shape.hyperparameters;
  const builder = planBuilder(file);
  const embedding = builder.matrix("token_embd.weight", vocabSize, hiddenSize);
  if (shape.rope.factors) builder.vector(shape.rope.factors, shape.rope.dimension / 2);
  const residuals = Array.from({ length: layerCount + 1 }, (_, i) =>
    builder.value(`residual ${i}`, hiddenSize, "replay"),
  );
  const values: Values = {
    attended: builder.value("attended residual", hiddenSize),
    normed: builder.value("normed", hiddenSize),
    qkv: builder.value("qkv", (headCount + 2 * kvHeadCount) * headDim),
    q: builder.value("q", headCount * headDim),
    attention: builder.value("attention", headCount * headDim),
  };
  const routerLogits = router && builder.value("router logits", router.expertCount);
  const dense = router ? undefined : gatedFfn(builder, "", shape.denseHiddenSize);
  const sharedFfn =
    router && shape.sharedHiddenSize > 0 ? gatedFfn(builder, "_shexp", shape.sharedHiddenSize) : undefined;
  const shared = sharedFfn && builder.value("shared", hiddenSize);

  const layers = residuals.slice(0, layerCount).map((input, layer): LayerPlan => {
    const output = residuals[layer + 1]!;
    const { attended, normed } = values;
    const ops = attentionOps(file, builder, traits, shape, values, layer, input);
    if (dense) {
      const ffn = gatedFfnOps(builder, dense, layer, hiddenSize, normed);
      ops.push(...ffn.ops, {
        kind: "linear",
        x: dense.hidden,
        weights: [ffn.down],
        scale: residualScale,
        residual: attended,
        out: output,
      });
    }
    if (!router) return { index: layer, input, output, ops };
    if (sharedFfn) {
      const ffn = gatedFfnOps(builder, sharedFfn, layer, hiddenSize, normed);
      ops.push(...ffn.ops, { kind: "linear", x: sharedFfn.hidden, weights: [ffn.down], out: shared! });
    }
    ops.push(
      {
        kind: "linear",
        x: normed,
        weights: [builder.matrix(tensorName(layer, "ffn_gate_inp"), router.expertCount, hiddenSize)],
        out: routerLogits!,
      },
      { kind: "route", layer, logits: routerLogits!, spec: router },
      { kind: "experts", layer, x: normed, activation: "silu" },
      {
        kind: "combine",
        layer,
        residual: attended,
        ...(shared === undefined ? {} : { shared }),
        scale: residualScale,
        out: output,
      },
    );
    return { index: layer, input, output, ops, moe: moeSpec(file, shape, router, layer) };
  });

  const finalNormed = builder.value("final normed", hiddenSize, "scratch", "one");
  const logits = builder.value("logits", vocabSize, "scratch", "one");
  const head = file.tensors.has("output.weight")
    ? builder.matrix("output.weight", vocabSize, hiddenSize)
    : embedding;
  const outputNorm = builder.vector("output_norm.weight", hiddenSize);
  return {
    architecture: traits.architecture,
    hyperparameters: shape.hyperparameters,
    trunk: builder.trunk(),
    values: builder.values,
    prologue: [{ kind: "embed", weight: embedding, scale: shape.embeddingScale, out: residuals[0]! }],
    layers,
    epilogue: [
      {
        kind: "rms-norm",
        x: residuals[layerCount]!,
        weight: outputNorm,
        eps,
        rows: "last",
        out: finalNormed,
      },
      { kind: "linear", x: finalNormed, weights: [head], scale: shape.logitScale, out: logits },
    ],
    logits,
  };
}
