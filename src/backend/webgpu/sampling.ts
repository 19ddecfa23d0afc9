import type { ForwardPlan } from "../../model/plan.ts";
import type { SampleParams } from "../backend.ts";
import type { Activations } from "./activations.ts";
import type { Variants } from "./compose.ts";
import { type Cell, type Gpu, storageBytes } from "./device.ts";
import { MAX_PENALIZED, type Parameters } from "./parameters.ts";
import type { Dispatch } from "./recorder.ts";
import {
  drawKernel,
  penalizeGrid,
  penalizeKernel,
  SAMPLED_CANDIDATES,
  sampledCandidates,
  topKGrid,
  topKKernel,
} from "./sampling-kernels.ts";

/** The sampler on the device: penalties, top-k in two stages, then the draw in one workgroup. */
export interface Sampling {
  readonly byteLength: number;
  readonly dispatches: readonly Dispatch[];
  /** The token picked, u32. */
  readonly token: Cell;
  /** Greedy, or at most SAMPLED_CANDIDATES candidates: more would need a sort of the whole vocabulary. */
  supports(params: SampleParams): boolean;
  set(params: SampleParams): void;
}

/** Call inside `gpu.allocating`. */
export function createSampling(
  gpu: Gpu,
  plan: ForwardPlan,
  activations: Activations,
  parameters: Parameters,
  variants: Variants,
): Sampling {
  const vocabSize = plan.values[plan.logits]!.width;
  let byteLength = 0;
  const make = (label: string, bytes: number): Cell => {
    byteLength += storageBytes(bytes);
    return gpu.storage(label, bytes);
  };
  const logits = make("penalised logits", vocabSize * 4);
  const candidates = make("candidates", sampledCandidates(vocabSize) * 8);
  const token = make("token", 4);
  const isGreedy = ({ temperature }: SampleParams): boolean => !(temperature > 0);

  return {
    byteLength,
    token,
    dispatches: [
      {
        kernel: penalizeKernel(variants, vocabSize),
        resources: {
          0: parameters.sampling,
          1: { cell: activations.value(plan.logits, "decode") },
          2: { cell: logits },
          3: parameters.penalized,
        },
        grid: () => penalizeGrid(vocabSize),
      },
      {
        kernel: topKKernel(variants, vocabSize),
        resources: { 1: { cell: logits }, 2: { cell: candidates } },
        grid: () => topKGrid(vocabSize),
      },
      {
        kernel: drawKernel(variants, vocabSize),
        resources: { 0: parameters.sampling, 1: { cell: candidates }, 2: { cell: token } },
        grid: () => [1, 1, 1],
      },
    ],

    supports: (p) =>
      p.penalized.length <= MAX_PENALIZED && (isGreedy(p) || (p.topK >= 1 && p.topK <= SAMPLED_CANDIDATES)),

    set: (p) => parameters.setSampling(p, isGreedy(p) ? 1 : Math.min(p.topK, vocabSize)),
  };
}
