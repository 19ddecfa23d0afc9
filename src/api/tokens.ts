/** One generated token. */
export interface Token {
  id: number;
  /** Text that became final with this token: whole UTF-8 characters only, so it may be empty. */
  text: string;
}

/** How a generation ended: the return value of the generator. */
export interface GenerateResult {
  reason: "end-of-sequence" | "stop-string" | "max-tokens" | "context-full";
  promptTokens: number;
  /**
   * Of them, those that the prompt before began with too and that were not computed again: whole chunks of
   * `info.numerics.chunkRows`, since only these are computed alike in both.
   */
  reusedTokens: number;
  /** Those of `resume` included. */
  generatedTokens: number;
  /** Seconds from the call to the first new token, prefill (and what `resume` computes again) included; 0 without one. */
  firstTokenSeconds: number;
}
