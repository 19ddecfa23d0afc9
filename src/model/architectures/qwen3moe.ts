import { WebMoEError } from "../../api/errors.ts";
import { type ModelFile, requireTensor } from "../model-file.ts";
import type { ForwardPlan, Hyperparameters, LayerPlan, MoeSpec, RopeSpec } from "../plan.ts";
import { planBuilder } from "../plan-builder.ts";
import type { RouterSpec } from "../router-spec.ts";

/**
 * Qwen3-MoE: pre-norm blocks, grouped-query attention with RMSNorm on each head of q and k, NEOX rope, and in
 * every layer a softmax router over SwiGLU experts, top-k weights renormalised to sum 1.
 *
 * Source: llama.cpp, `src/models/qwen3moe.cpp`; keys and tensor names are those it reads.
 */
export function compileQwen3Moe(file: ModelFile): ForwardPlan {
  const { metadata } = file;
  const key = (name: string): string => `qwen3moe.${name}`;
  const scaling = metadata.optionalString(key("rope.scaling.type"));
  if (scaling !== undefined && scaling !== "none")
    throw new WebMoEError(
      "unsupported-architecture",
      `${key("rope.scaling.type")} is ${scaling}; only none is supported.`,
    );

  const hiddenSize = metadata.count(key("embedding_length"), 1, 65536);
  const layerCount = metadata.count(key("block_count"), 1, 1024);
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
  const expertCount = metadata.count(key("expert_count"), 1, 512);
  const expertsPerToken = metadata.count(key("expert_used_count"), 1, Math.min(32, expertCount));
  const expertHiddenSize = metadata.count(key("expert_feed_forward_length"), 1, 65536);
  const vocabSize = file.tensors.get("token_embd.weight")?.shape[1] ?? 1;
  const hyperparameters: Hyperparameters = {
    hiddenSize,
    layerCount,
    headCount,
    kvHeadCount,
    headDim,
    vocabSize,
    expertCount,
    expertsPerToken,
    expertHiddenSize,
    contextLength: metadata.count(key("context_length"), 1, 2 ** 24),
  };
  const eps = metadata.positive(key("attention.layer_norm_rms_epsilon"));
  const rope: RopeSpec = {
    pairing: "neox",
    dimension: metadata.optionalCount(key("rope.dimension_count"), 2, headDim) ?? headDim,
    freqBase: metadata.optionalPositive(key("rope.freq_base")) ?? 10000,
  };
  if (rope.dimension % 2 !== 0) throw new WebMoEError("bad-gguf", `${key("rope.dimension_count")} is odd.`);
  const router: RouterSpec = {
    expertCount,
    expertsPerToken,
    score: "softmax",
    weights: "renormalized",
    scale: metadata.optionalPositive(key("expert_weights_scale")) ?? 1,
  };

  const builder = planBuilder(file);
  const embedding = builder.matrix("token_embd.weight", vocabSize, hiddenSize);
  const residuals = Array.from({ length: layerCount + 1 }, (_, i) =>
    builder.value(`residual ${i}`, hiddenSize, "replay"),
  );
  const attended = builder.value("attended residual", hiddenSize);
  const normed = builder.value("normed", hiddenSize);
  const qkv = builder.value("qkv", (headCount + 2 * kvHeadCount) * headDim);
  const q = builder.value("q", headCount * headDim);
  const attention = builder.value("attention", headCount * headDim);
  const routerLogits = builder.value("router logits", expertCount);
  const finalNormed = builder.value("final normed", hiddenSize, "scratch", "one");
  const logits = builder.value("logits", vocabSize, "scratch", "one");

  const layers = residuals.slice(0, layerCount).map((input, layer): LayerPlan => {
    const tensor = (name: string): string => `blk.${layer}.${name}.weight`;
    const output = residuals[layer + 1]!;
    const moe: MoeSpec = {
      router,
      expertHiddenSize,
      matrices: {
        gate: requireTensor(file, tensor("ffn_gate_exps"), expertHiddenSize, hiddenSize, expertCount),
        up: requireTensor(file, tensor("ffn_up_exps"), expertHiddenSize, hiddenSize, expertCount),
        down: requireTensor(file, tensor("ffn_down_exps"), hiddenSize, expertHiddenSize, expertCount),
      },
    };
    const queryRows = headCount * headDim;
    const keyRows = kvHeadCount * headDim;
    const weights = [
      builder.matrix(tensor("attn_q"), queryRows, hiddenSize),
      builder.matrix(tensor("attn_k"), keyRows, hiddenSize),
      builder.matrix(tensor("attn_v"), keyRows, hiddenSize),
    ];
    const qNorm = builder.vector(tensor("attn_q_norm"), headDim);
    const kNorm = builder.vector(tensor("attn_k_norm"), headDim);
    const outputWeight = builder.matrix(tensor("attn_output"), hiddenSize, queryRows);
    const routerWeight = builder.matrix(tensor("ffn_gate_inp"), expertCount, hiddenSize);
    const attentionNorm = builder.vector(tensor("attn_norm"), hiddenSize);
    const expertsNorm = builder.vector(tensor("ffn_norm"), hiddenSize);
    return {
      index: layer,
      input,
      output,
      moe,
      ops: [
        { kind: "rms-norm", x: input, weight: attentionNorm, eps, rows: "each", out: normed },
        { kind: "linear", x: normed, weights, out: qkv },
        { kind: "rope-cache", layer, qkv, qNorm, kNorm, eps, rope, out: q },
        { kind: "attention", layer, q, scale: 1 / Math.sqrt(headDim), out: attention },
        { kind: "linear", x: attention, weights: [outputWeight], residual: input, out: attended },
        { kind: "rms-norm", x: attended, weight: expertsNorm, eps, rows: "each", out: normed },
        { kind: "linear", x: normed, weights: [routerWeight], out: routerLogits },
        { kind: "route", layer, logits: routerLogits, spec: router },
        { kind: "experts", layer, x: normed, activation: "silu" },
        { kind: "combine", layer, residual: attended, out: output },
      ],
    };
  });

  const outputNorm = builder.vector("output_norm.weight", hiddenSize);
  const head = file.tensors.has("output.weight")
    ? builder.matrix("output.weight", vocabSize, hiddenSize)
    : embedding;
  return {
    architecture: "qwen3moe",
    hyperparameters,
    trunk: builder.trunk(),
    values: builder.values,
    prologue: [{ kind: "embed", weight: embedding, out: residuals[0]! }],
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
      { kind: "linear", x: finalNormed, weights: [head], out: logits },
    ],
    logits,
  };
}
