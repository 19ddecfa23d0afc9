import type { ModelInfo } from "./info.ts";

/**
 * Something the engine did on its own. Generations go on and their readers see nothing but a pause.
 *
 * - `device-lost`: the GPU was taken away; the engine gets another device, fills it and computes the KV cache again.
 * - `expert-budget-lowered`: the device ran out of memory, so that experts have less room on it from now on.
 * - `numerics-changed`: the device could not be had again and another computes. Tokens already written stay; those to
 *   come are exact for the new profile, and can be others than the old one's.
 */
export interface Notice {
  readonly kind: "device-lost" | "expert-budget-lowered" | "numerics-changed";
  /** For people: what happened and what it means. */
  readonly message: string;
  /** `model.info` from now on. */
  readonly info: ModelInfo;
}
