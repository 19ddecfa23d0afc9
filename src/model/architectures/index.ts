import { WebMoEError } from "../../api/errors.ts";
import type { ModelFile } from "../model-file.ts";
import { EXPERT_MATRICES, type ForwardPlan } from "../plan.ts";
import { compileDecoder, type DecoderTraits } from "./decoder.ts";

/**
 * The one table of architectures. Each row says in what the architecture differs from the common decoder; sources
 * are llama.cpp's `src/models/<name>.cpp` and its table of rope types.
 */
const DECODERS: readonly DecoderTraits[] = [
  {
    // Mixtral is `llama` with experts.
    architecture: "llama",
    ropePairing: "norm",
    qkNorm: "none",
    routerWeights: "renormalized",
    expertWidthKey: "feed_forward_length",
    scales: false,
  },
  {
    architecture: "qwen2",
    ropePairing: "neox",
    qkNorm: "none",
    routerWeights: "renormalized",
    expertWidthKey: "feed_forward_length",
    scales: false,
  },
  {
    architecture: "qwen3",
    ropePairing: "neox",
    qkNorm: "head",
    routerWeights: "renormalized",
    expertWidthKey: "feed_forward_length",
    scales: false,
  },
  {
    architecture: "qwen3moe",
    ropePairing: "neox",
    qkNorm: "head",
    routerWeights: "renormalized",
    expertWidthKey: "expert_feed_forward_length",
    scales: false,
  },
  {
    // Weights of the picked experts are their softmax over all, not renormalised.
    architecture: "olmoe",
    ropePairing: "neox",
    qkNorm: "row",
    routerWeights: "raw",
    expertWidthKey: "feed_forward_length",
    scales: false,
  },
  {
    architecture: "granitemoe",
    ropePairing: "norm",
    qkNorm: "none",
    routerWeights: "renormalized",
    expertWidthKey: "feed_forward_length",
    scales: true,
  },
];

/** A tensor that no op reads would make the output quietly wrong. */
function refuseUnusedTensors(file: ModelFile, plan: ForwardPlan): void {
  const used = new Set(plan.trunk.map(({ name }) => name));
  for (const { moe } of plan.layers)
    if (moe) for (const matrix of EXPERT_MATRICES) used.add(moe.matrices[matrix].name);
  const unused = [...file.tensors.keys()].find((name) => !used.has(name));
  if (unused !== undefined)
    throw new WebMoEError(
      "unsupported-architecture",
      `The ${plan.architecture} model has a tensor ${unused} that this version does not know how to use.`,
    );
}

/** Errors: `unsupported-architecture`, `bad-gguf`, `unsupported-quantization`; each names the key or tensor. */
export function compilePlan(file: ModelFile): ForwardPlan {
  const architecture = file.metadata.string("general.architecture");
  const traits = DECODERS.find((decoder) => decoder.architecture === architecture);
  if (!traits)
    throw new WebMoEError(
      "unsupported-architecture",
      `The model's architecture is ${architecture}; this version runs ${DECODERS.map((row) => row.architecture).join(", ")}.`,
    );
  const plan = compileDecoder(file, traits);
  refuseUnusedTensors(file, plan);
  return plan;
}
