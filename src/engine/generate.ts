import { throwIfAborted, WebMoEError } from "../api/errors.ts";
import type { GenerateResult, Token } from "../api/tokens.ts";
import type { Tokenizer } from "../model/tokenizer/tokenizer.ts";
import type { Decoded, Finish, Passes } from "./passes.ts";
import { type GenerationSettings, penalizes, sampleParams } from "./sampling.ts";
import { recompute } from "./schedule.ts";
import { stopMatcher } from "./stop-matcher.ts";

/** Tokens per second of the last generation; 0 where a phase computed nothing new. */
export interface Speed {
  prefillTokensPerSecond: number;
  decodeTokensPerSecond: number;
}

export interface Generation {
  readonly prompt: Uint32Array;
  /** What the prompt was answered with before; the generation goes on behind it. */
  readonly resume: Uint32Array;
  readonly settings: GenerationSettings;
  readonly contextLength: number;
  readonly executor: Passes;
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
  checkIds(prompt, vocabSize);
}

/** Errors: `context-full`, `invalid-argument`. */
export function checkResume(
  resume: Uint32Array,
  promptLength: number,
  contextLength: number,
  vocabSize: number,
): void {
  // The last token of an answer needs no place: nothing was computed from it.
  if (promptLength + resume.length - 1 > contextLength)
    throw new WebMoEError(
      "context-full",
      `The prompt of ${promptLength} tokens and the ${resume.length} to resume from are more than this session's ${contextLength}. Load with the contextLength that the answer was written with.`,
    );
  checkIds(resume, vocabSize);
}

function checkIds(ids: Uint32Array, vocabSize: number): void {
  const unknown = ids.find((id) => id >= vocabSize);
  if (unknown !== undefined)
    throw new WebMoEError(
      "invalid-argument",
      `Token id ${unknown} is outside the vocabulary of ${vocabSize}.`,
    );
}

/** One token of an answer as its reader sees it. */
interface Written {
  readonly text: string;
  /** Why the answer ends with this token. */
  readonly reason: GenerateResult["reason"] | undefined;
}

/** Turns an answer's tokens into text, in order, and says where it ends. */
function writer({ prompt, settings, contextLength, tokenizer }: Generation): (token: number) => Written {
  const decoder = tokenizer.decoder();
  const matcher = stopMatcher(settings.stop);
  let count = 0;
  return (token) => {
    count++;
    const ended = !settings.ignoreEos && tokenizer.endIds.has(token);
    const { text, stopped } = matcher.push(ended ? decoder.end() : decoder.push(token));
    const reason = stopped
      ? "stop-string"
      : ended
        ? "end-of-sequence"
        : count === settings.maxTokens
          ? "max-tokens"
          : prompt.length + count - 1 === contextLength
            ? "context-full"
            : undefined;
    const rest = reason === undefined || stopped ? "" : matcher.push(decoder.end()).text + matcher.end();
    return { text: text + rest, reason };
  };
}

/**
 * Prefills the prompt and samples until something ends it. An end-of-sequence token is the last token yielded;
 * its text is whatever a stop string still held back.
 */
export async function* generate(generation: Generation): AsyncGenerator<Token, GenerateResult, void> {
  const { prompt, resume, settings, contextLength, executor, speed, signal } = generation;
  const started = performance.now();
  const write = writer(generation);
  let reusedTokens = 0;
  let firstTokenSeconds = 0;
  const result = (reason: GenerateResult["reason"], generatedTokens: number): GenerateResult => ({
    reason,
    promptTokens: prompt.length,
    reusedTokens,
    generatedTokens,
    firstTokenSeconds,
  });

  speed.prefillTokensPerSecond = 0;
  speed.decodeTokensPerSecond = 0;
  for (const [i, id] of resume.entries()) {
    const { reason } = write(id);
    if (reason === undefined) continue;
    if (i === resume.length - 1) return result(reason, resume.length);
    throw new WebMoEError(
      "invalid-argument",
      `The answer to resume ended (${reason}) with its token ${i + 1}, and ${resume.length} were given: the prompt or the options are not those that it was written with.`,
    );
  }

  const history = [...prompt, ...resume];
  const finishOf = (index: number): Finish => ({
    kind: "token",
    params: sampleParams(settings, index, history),
  });
  /** How the token behind the one to come is finished, where no token decides that and there will be one. */
  function finishAhead(): Finish | undefined {
    const isLast =
      history.length - prompt.length + 1 === settings.maxTokens || history.length === contextLength;
    return isLast || penalizes(settings) ? undefined : finishOf(history.length + 1);
  }
  let ahead: Finish | undefined;
  /** What follows the last token of the history. */
  function decode(): Promise<Decoded> {
    const finish = ahead ?? finishOf(history.length);
    ahead = finishAhead();
    return executor.decode(history.at(-1)!, history.length - 1, finish, signal, ahead);
  }
  let token: number;
  if (resume.length === 0) {
    ({ reusedTokens, token } = await executor.prefill(prompt, finishOf(history.length), signal));
    speed.prefillTokensPerSecond = ((prompt.length - reusedTokens) * 1000) / (performance.now() - started);
  } else {
    const decoded = resume.subarray(0, -1);
    ({ reusedTokens } = await recompute(executor, { prompt, decoded }, signal));
    ({ token } = await decode());
  }
  firstTokenSeconds = (performance.now() - started) / 1000;

  let decodeMs = 0;
  for (let count = 1; ; count++) {
    const { text, reason } = write(token);
    yield { id: token, text };
    if (reason !== undefined) return result(reason, resume.length + count);
    throwIfAborted(signal);
    history.push(token);
    // Only the engine's own time: a consumer may take as long as it likes over a token.
    const before = performance.now();
    const decoded = await decode();
    token = decoded.token;
    decodeMs += performance.now() - before + decoded.headStartMs;
    speed.decodeTokensPerSecond = (count * 1000) / decodeMs;
  }
}
