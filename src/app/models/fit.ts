import { formatBytes, formatShare } from "../format.ts";

/** What a model takes, in bytes. */
export interface ModelSize {
  readonly fileBytes: number;
  /** Of the file, routed experts; the rest is the trunk, which every token uses. */
  readonly expertBytes: number;
  /** Slots of one expert a layer are the least that works. */
  readonly layerCount: number;
  readonly expertCount: number;
}

export interface Device {
  /** Bytes that the browser still gives this site; undefined if it does not say. */
  readonly room: number | undefined;
  /** Memory as the browser reports it: rounded, and not more than a limit of its own. */
  readonly memoryBytes: number;
  /** The largest buffer of the GPU; undefined without one. Tensors are split to fit it; an expert is not. */
  readonly gpuBufferBytes: number | undefined;
}

export interface Fit {
  /** `paged`: experts come and go, since not all fit their room. */
  readonly verdict: "runs" | "paged" | "too-large";
  readonly headline: string;
  readonly reason: string;
}

/** The library's own default for the room of experts. */
const EXPERT_SHARE = 1 / 4;

/** Beside the trunk a tab needs room for experts, conversations and itself. */
const TRUNK_SHARE = 1 / 2;

/** How a model fits a device, `storedBytes` of it being there already. */
export function fitOf(model: ModelSize, device: Device, storedBytes = 0): Fit {
  const { fileBytes, expertBytes, layerCount, expertCount } = model;
  const { room, memoryBytes, gpuBufferBytes } = device;
  const missing = Math.max(0, fileBytes - storedBytes);
  if (room !== undefined && room < missing)
    return {
      verdict: "too-large",
      headline: "Too large for this device’s storage",
      reason: `It needs ${formatBytes(missing)}, and the browser has ${formatBytes(Math.max(0, room))} left for this site.`,
    };
  const trunkBytes = fileBytes - expertBytes;
  const perLayer = expertBytes / layerCount / expertCount;
  if (trunkBytes + layerCount * perLayer > memoryBytes * TRUNK_SHARE)
    return {
      verdict: "too-large",
      headline: "Too large for this device’s memory",
      reason: `What every word needs takes ${formatBytes(trunkBytes)}; the browser reports ${formatBytes(memoryBytes)} in all.`,
    };
  if (gpuBufferBytes !== undefined && perLayer > gpuBufferBytes)
    return {
      verdict: "too-large",
      headline: "Too large for this device’s GPU",
      reason: `One expert takes ${formatBytes(perLayer)}, more than a buffer may (${formatBytes(gpuBufferBytes)}).`,
    };
  const budget = memoryBytes * EXPERT_SHARE;
  const where = gpuBufferBytes === undefined ? " It computes on the processor: there is no GPU to use." : "";
  if (expertBytes <= budget)
    return {
      verdict: "runs",
      headline: "Runs",
      reason: `All experts fit their room in memory, ${formatBytes(budget)}.${where}`,
    };
  return {
    verdict: "paged",
    headline: "Runs paged",
    reason:
      `${formatShare(budget, expertBytes)} of its experts fit their room in memory, ${formatBytes(budget)}; the others ` +
      `come from storage when words call for them. Slower, and the same words.${where}`,
  };
}
