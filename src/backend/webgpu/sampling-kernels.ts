/** Compositions of the kernels that pick a token. */
import { compose, type Kernel, type Variants } from "./compose.ts";
import { type Grid, WIDE_WORKGROUP_SIZE } from "./kernels.ts";

/** Candidates that stay after the first stage of top-k: the largest topK that samples on the device. */
export const SAMPLED_CANDIDATES = 64;
/** Vocabulary per workgroup of the first stage: four sorts of 1024 with the best 64 carried over. */
const SAMPLE_CHUNK = 1024 + 3 * (1024 - SAMPLED_CANDIDATES);

/** Candidates that the first stage of top-k leaves. */
export const sampledCandidates = (vocabSize: number): number =>
  Math.ceil(vocabSize / SAMPLE_CHUNK) * SAMPLED_CANDIDATES;

/** Bindings: 0 sampling, 1 logits, 2 out, 3 penalised tokens. */
export function penalizeKernel(variants: Variants, vocabSize: number): Kernel {
  return compose(
    {
      kernel: "sample-penalize",
      modules: ["sampling"],
      constants: { WORKGROUP_SIZE: WIDE_WORKGROUP_SIZE, VOCAB_SIZE: vocabSize },
    },
    variants,
  );
}

export const penalizeGrid = (vocabSize: number): Grid => [Math.ceil(vocabSize / WIDE_WORKGROUP_SIZE), 1, 1];

/** Bindings: 1 logits, 2 candidates. */
export function topKKernel(variants: Variants, vocabSize: number): Kernel {
  return compose(
    {
      kernel: "sample-top-k",
      modules: ["candidates"],
      constants: { WORKGROUP_SIZE: WIDE_WORKGROUP_SIZE, VOCAB_SIZE: vocabSize, CHUNK: SAMPLE_CHUNK },
    },
    variants,
  );
}

export const topKGrid = (vocabSize: number): Grid => [Math.ceil(vocabSize / SAMPLE_CHUNK), 1, 1];

/** Bindings: 0 sampling, 1 candidates, 2 token. */
export function drawKernel(variants: Variants, vocabSize: number): Kernel {
  return compose(
    {
      kernel: "sample-draw",
      modules: ["sampling", "candidates"],
      constants: { WORKGROUP_SIZE: WIDE_WORKGROUP_SIZE, CANDIDATES: sampledCandidates(vocabSize) },
    },
    variants,
  );
}
