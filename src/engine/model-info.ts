import type { MemoryInfo, ModelInfo } from "../api/info.ts";
import type { Backend } from "../backend/backend.ts";
import type { ModelDescription } from "../model/model.ts";
import type { Residency } from "../residency/residency.ts";

export interface InfoParts {
  readonly description: ModelDescription;
  readonly chatTemplate: ModelInfo["chatTemplate"];
  readonly backend: Backend;
  readonly residency: Residency;
  readonly fileBytes: number;
  readonly contextLength: number;
  readonly expertBudget: number;
  readonly hostTierBytes: number;
}

/** What `model.info` says at load. */
export function modelInfo(parts: InfoParts): ModelInfo {
  const { description, backend, residency, fileBytes, contextLength, expertBudget } = parts;
  const { plan, name, license, parameterCount, quantizations } = description;
  const { hyperparameters } = plan;
  const slotBytes = plan.layers.map((layer) => backend.slotBytes(layer.index));
  const memory: MemoryInfo = { ...backend.memory(), hostTierBytes: parts.hostTierBytes };
  return {
    ...hyperparameters,
    name,
    architecture: plan.architecture,
    ...(license === undefined ? {} : { license }),
    fileBytes,
    parameterCount,
    expertBytes: Math.max(0, ...slotBytes),
    contextLength,
    modelContextLength: hyperparameters.contextLength,
    quantizations,
    expertBudget,
    slotsPerLayer: Array.from(residency.counts),
    chatTemplate: parts.chatTemplate,
    numerics: backend.numerics,
    threads: backend.threads,
    memory,
  };
}
