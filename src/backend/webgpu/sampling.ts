import type { ForwardPlan } from "../../model/plan.ts";
import type { SampleParams } from "../backend.ts";
import type { Activations } from "./activations.ts";
import type { Variants } from "./compose.ts";
import { type Cell, type Gpu, storageBytes } from "./device.ts";
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

const MAX_PENALIZED = 256;

/** Below any logit: `minP` 0 keeps all. */
const LOWEST = -3e38;

/** The sampler on the device: penalties, top-k in two stages, then the draw in one workgroup. */
export interface Sampling {
  readonly byteLength: number;
  readonly dispatches: readonly Dispatch[];
  /** The token picked, u32. */
  readonly token: Cell;
  /** Greedy, or at most SAMPLED_CANDIDATES candidates: more would need a sort of the whole vocabulary. */
  supports(params: SampleParams): boolean;
  write(params: SampleParams): void;
}

/** Call inside `gpu.allocating`. */
export function createSampling(
  gpu: Gpu,
  plan: ForwardPlan,
  activations: Activations,
  variants: Variants,
): Sampling {
  const vocabSize = plan.values[plan.logits]!.width;
  const cells: Cell[] = [];
  let byteLength = 0;
  const make = (label: string, bytes: number, usage?: GPUBufferUsageFlags): Cell => {
    byteLength += storageBytes(bytes);
    const cell = gpu.storage(label, bytes, usage);
    cells.push(cell);
    return cell;
  };
  const params = make("sampling", 32, GPUBufferUsage.UNIFORM);
  const penalized = make("penalised tokens", MAX_PENALIZED * 4);
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
          0: { cell: params },
          1: { cell: activations.value(plan.logits, "decode") },
          2: { cell: logits },
          3: { cell: penalized },
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
        resources: { 0: { cell: params }, 1: { cell: candidates }, 2: { cell: token } },
        grid: () => [1, 1, 1],
      },
    ],

    supports: (p) =>
      p.penalized.length <= MAX_PENALIZED && (isGreedy(p) || (p.topK >= 1 && p.topK <= SAMPLED_CANDIDATES)),

    write(p) {
      const data = new DataView(new ArrayBuffer(32));
      data.setFloat32(0, p.temperature, true);
      data.setFloat32(4, p.topP, true);
      data.setFloat32(8, p.minP > 0 ? Math.log(p.minP) : LOWEST, true);
      data.setFloat32(12, p.repeatPenalty, true);
      data.setFloat32(16, p.random, true);
      data.setUint32(20, isGreedy(p) ? 1 : Math.min(p.topK, vocabSize), true);
      data.setUint32(24, p.penalized.length, true);
      gpu.device.queue.writeBuffer(params.buffer, 0, data.buffer);
      gpu.device.queue.writeBuffer(penalized.buffer, 0, p.penalized as Uint32Array<ArrayBuffer>);
    },
  };
}
