/** What core.wasm decides, and backends decide as it does: which experts, which slot, which token. */

/** Slot table entry of an expert that has no slot. */
export const ABSENT = 0xffffffff;

/** Routing decisions of a batch in one layer, `[rows, expertsPerToken]`, highest selection score first. */
export interface Decisions {
  readonly ids: Uint32Array;
  readonly weights: Float32Array;
}

/** What one draw from logits depends on: the chain of core.wasm's sampler and of its WGSL twin. */
export interface SampleParams {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly repeatPenalty: number;
  /** Distinct tokens under penalty. */
  readonly penalized: Uint32Array;
  /** Uniform in [0, 1), from (seed, position). */
  readonly random: number;
}
