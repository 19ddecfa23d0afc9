import { throwIfAborted, WebMoEError } from "../api/errors.ts";
import type { GenerateResult, Token } from "../api/tokens.ts";
import type { Tokenizer } from "../model/tokenizer/tokenizer.ts";
import type { Executor } from "./executor.ts";
import { type GenerationSettings, sampleParams } from "./sampling.ts";
import { stopMatcher } from "./stop-matcher.ts";

/** Tokens per second of the last generation; 0 where a phase computed nothing. */
export interface Speed {
  prefillTokensPerSecond: number;
  decodeTokensPerSecond: number;
}

export interface Generation {
  readonly prompt: Uint32Array;
  readonly settings: GenerationSettings;
  readonly contextLength: number;
  readonly executor: Executor;
  readonly tokenizer: Tokenizer;
  readonly speed: Speed;
  readonly signal?: AbortSignal;
}

/** Errors: `context-full`, `invalid-argument`. */
export function checkPrompt(prompt: Uint32Array, contextLength: number, vocabSize: number): void {
  if (prompt.length === 0)
    throw new WebMoEError("invalid-argument", "The prompt has no tokens; give at least one.");
  if (prompt.length > contextLength)
    throw new WebMoEError(
      "context-full",
      `The prompt has ${prompt.length} tokens; this session holds ${contextLength}. Shorten it, or load with a larger contextLength.`,
    );
  const unknown = prompt.find((id) => id >= vocabSize);
  if (unknown !== undefined)
    throw new WebMoEError(
      "invalid-argument",
      `Token id ${unknown} is outside the vocabulary of ${vocabSize}.`,
    );
}

/**
 * Prefills the prompt and samples until something ends it. An end-of-sequence token is the last token yielded;
 * its text is whatever a stop string still held back.
 */
export async function* generate(generation: Generation): AsyncGenerator<Token, GenerateResult, void> {
  const { prompt, settings, contextLength, executor, tokenizer, speed, signal } = generation;
  const started = performance.now();
  const history = Array.from(prompt);
  const decoder = tokenizer.decoder();
  const matcher = stopMatcher(settings.stop);
  const finish = () => ({ kind: "token", params: sampleParams(settings, history) }) as const;

  const { reusedTokens, token: first } = await executor.prefill(prompt, finish(), signal);
  let token = first;
  const prefilled = performance.now();
  speed.prefillTokensPerSecond = ((prompt.length - reusedTokens) * 1000) / (prefilled - started);
  speed.decodeTokensPerSecond = 0;
  const result = (reason: GenerateResult["reason"], generatedTokens: number): GenerateResult => ({
    reason,
    promptTokens: prompt.length,
    reusedTokens,
    generatedTokens,
    firstTokenSeconds: (prefilled - started) / 1000,
  });

  let decodeMs = 0;
  for (let count = 1; ; count++) {
    const ended = !settings.ignoreEos && tokenizer.endIds.has(token);
    const { text, stopped } = matcher.push(ended ? decoder.end() : decoder.push(token));
    const reason = stopped
      ? "stop-string"
      : ended
        ? "end-of-sequence"
        : count === settings.maxTokens
          ? "max-tokens"
          : history.length === contextLength
            ? "context-full"
            : undefined;
    if (reason !== undefined) {
      const rest = stopped ? "" : matcher.push(decoder.end()).text + matcher.end();
      yield { id: token, text: text + rest };
      return result(reason, count);
    }
    yield { id: token, text };
    throwIfAborted(signal);
    const position = history.length;
    history.push(token);
    // Only the engine's own time: a consumer may take as long as it likes over a token.
    const before = performance.now();
    ({ token } = await executor.decode(token, position, finish(), signal));
    decodeMs += performance.now() - before;
    speed.decodeTokensPerSecond = (count * 1000) / decodeMs;
  }
}
