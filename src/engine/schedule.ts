import { NOTHING, type Passes, type Prefilled } from "./passes.ts";

/**
 * The passes that filled the KV cache: the prompt in chunks, then tokens one by one. Which way a token was computed
 * shows in its bits, so the same rows come back only from the same passes.
 */
export interface Schedule {
  readonly prompt: Uint32Array;
  /** Tokens at the positions behind the prompt. */
  readonly decoded: ArrayLike<number>;
}

/** Fills the KV cache as `schedule` did, sampling nothing. */
export async function recompute(
  passes: Passes,
  { prompt, decoded }: Schedule,
  signal?: AbortSignal,
): Promise<Prefilled> {
  const prefilled = await passes.prefill(prompt, NOTHING, signal);
  for (let i = 0; i < decoded.length; i++)
    await passes.decode(decoded[i]!, prompt.length + i, NOTHING, signal);
  return prefilled;
}
