import type { GenerateResult, Token } from "../api/tokens.ts";
import type { TokenBatch } from "./protocol.ts";

/** Tokens the engine may be ahead of its reader: enough to hide a message's latency, too few to waste work. */
const MAX_AHEAD = 32;

/** Hands out what has come of a generation, in batches. */
export interface TokenFeed {
  /** Waits until there is something to hand out. Rejects with the generation's error. */
  next(): Promise<TokenBatch>;
}

/**
 * Runs a generation ahead of its reader. `signal` is the generation's own: one that waits for its reader has to hear
 * of it too, or its turn never ends.
 */
export function tokenFeed(
  generation: AsyncGenerator<Token, GenerateResult, void>,
  signal: AbortSignal,
): TokenFeed {
  let tokens: Token[] = [];
  let result: GenerateResult | undefined;
  let failure: { readonly error: unknown } | undefined;
  let wakeReader = (): void => undefined;
  let wakeEngine = (): void => undefined;

  const run = async (): Promise<void> => {
    try {
      for (;;) {
        const step = await generation.next();
        if (step.done) {
          result = step.value;
          return;
        }
        tokens.push(step.value);
        wakeReader();
        while (tokens.length >= MAX_AHEAD && !signal.aborted)
          await new Promise<void>((resolve) => {
            wakeEngine = resolve;
          });
      }
    } catch (error) {
      failure = { error };
    } finally {
      wakeReader();
    }
  };
  signal.addEventListener("abort", () => wakeEngine(), { once: true });
  void run();

  return {
    async next() {
      while (tokens.length === 0 && !result && !failure)
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      if (failure) throw failure.error;
      const batch = { tokens, result };
      tokens = [];
      wakeEngine();
      return batch;
    },
  };
}
