import type { ExpertSnapshot, ModelInfo, Stats } from "../api/info.ts";
import type { Message } from "../api/messages.ts";
import type { Notice } from "../api/notice.ts";
import type { GenerateOptions, LoadOptions, LoadProgress } from "../api/options.ts";
import type { GenerateResult, Token } from "../api/tokens.ts";

/**
 * What page and worker say to each other, apart from its two ends (client.ts, host.ts). Signals and callbacks do
 * not cross: a call that can be aborted has a number, and `cancel` names it.
 */

/** An absolute URL or a file; relative URLs are the page's business. */
export type WireSource = string | Blob | readonly (string | Blob)[];
export type WireLoadOptions = Omit<
  LoadOptions,
  "signal" | "onProgress" | "onNotice" | "workerUrl" | "wasmUrl"
> & {
  readonly wasmUrl?: string;
};
export type WireGenerateOptions = Omit<GenerateOptions, "signal">;
export type WirePrompt = string | Uint32Array | readonly Message[];
export type CallId = number;

/** Tokens since the last batch; `result` comes with the last. */
export interface TokenBatch {
  readonly tokens: readonly Token[];
  readonly result?: GenerateResult;
}

export interface EngineHost {
  load(
    call: CallId,
    source: WireSource,
    options: WireLoadOptions,
    onProgress: ((progress: LoadProgress) => void) | undefined,
    onNotice: (notice: Notice) => void,
  ): Promise<ModelInfo>;
  /** Starts a generation; it runs ahead of `next` by a bounded number of tokens. */
  start(call: CallId, prompt: WirePrompt, options: WireGenerateOptions): void;
  next(call: CallId): Promise<TokenBatch>;
  evaluate(call: CallId, tokenIds: Uint32Array): Promise<Float32Array>;
  /** Aborts a call; harmless when it has ended. */
  cancel(call: CallId): void;
  tokenize(
    text: string | readonly Message[],
    options: { special?: boolean; addBos?: boolean },
  ): Promise<Uint32Array>;
  detokenize(tokenIds: Uint32Array): Promise<string>;
  stats(): Promise<Stats>;
  experts(): Promise<ExpertSnapshot>;
  startTrace(options: { maxBytes?: number }): Promise<void>;
  readTrace(): Promise<Uint8Array<ArrayBuffer>>;
  stopTrace(): Promise<Uint8Array<ArrayBuffer>>;
  dispose(): Promise<void>;
}
