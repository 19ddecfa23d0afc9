/** What computes as the engine sees it: passes that fill a KV cache, and what comes of them. */
import type { SampleParams } from "../backend/backend.ts";

/** What the last pass of a computation is for: `nothing` only fills the KV cache. */
export type Finish =
  | { readonly kind: "token"; readonly params: SampleParams }
  | { readonly kind: "logits" }
  | { readonly kind: "nothing" };

export const NOTHING: Finish = { kind: "nothing" };

export interface Finished {
  /** ABSENT if none was asked for. */
  readonly token: number;
  /** `[vocabSize]`; empty if the device sampled or nothing was asked for. */
  readonly logits: Float32Array;
}

export interface Decoded extends Finished {
  /** How long the device worked on this pass before it was asked for. */
  readonly headStartMs: number;
}

export interface Prefilled extends Finished {
  /** Tokens whose keys and values were still there from the prompt before. */
  readonly reusedTokens: number;
}

/** The two ways to compute; together they fill the KV cache. */
export interface Passes {
  /**
   * Computes a prompt from position 0 in chunks of CHUNK_ROWS. Whole chunks that the last prompt began with too are
   * not computed again: the passes that filled their part of the KV cache are those that would.
   */
  prefill(tokens: Uint32Array, finish: Finish, signal?: AbortSignal): Promise<Prefilled>;
  /**
   * Computes one token at `position`. `ahead`: how the token that this gives will be finished in its turn, if that is
   * known by now. Its pass may then be on its way before this one's answer is here, and is taken if the next call asks
   * for it, with this very `Finish`; else it is forgotten and counts nowhere.
   */
  decode(
    token: number,
    position: number,
    finish: Finish,
    signal?: AbortSignal,
    ahead?: Finish,
  ): Promise<Decoded>;
}
