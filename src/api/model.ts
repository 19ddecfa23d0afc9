import type { ExpertSnapshot, ModelInfo, Stats, Trace } from "./info.ts";
import type { Message } from "./messages.ts";
import type { GenerateOptions } from "./options.ts";
import type { GenerateResult, Token } from "./tokens.ts";

/** Text, token ids, or the messages of a conversation. */
export type Prompt = string | readonly number[] | Uint32Array | readonly Message[];

/** A loaded model. Calls that compute run one after the other, in the order they were made. */
export interface Model {
  /** Fixed at load, but for what a `Notice` says. */
  readonly info: ModelInfo;
  /**
   * Streams the continuation of a prompt: text (special tokens in it are parsed, BOS added as the file asks), token
   * ids taken as they are, or messages, written as the file's chat template says up to where the assistant speaks
   * (special tokens spelt out in a content stay text; see `info.chatTemplate`). Leaving the loop early stops the engine.
   *
   * Errors: `context-full` if the prompt leaves no room, `aborted`, `network`, `corrupt-part`, `device-lost`,
   * `invalid-argument`; `bad-gguf` if the chat template is broken.
   */
  generate(prompt: Prompt, options?: GenerateOptions): AsyncGenerator<Token, GenerateResult, void>;
  /** Logits `[vocabSize]` after the last of `tokenIds`. */
  evaluate(
    tokenIds: readonly number[] | Uint32Array,
    options?: { signal?: AbortSignal },
  ): Promise<Float32Array>;
  /**
   * `special` parses control tokens in the text (default true); `addBos` defaults to what the file asks. Of messages,
   * the ids that `generate` begins from; options do not count. Errors of messages: those of `generate`.
   */
  tokenize(
    text: string | readonly Message[],
    options?: { special?: boolean; addBos?: boolean },
  ): Promise<Uint32Array>;
  /** Text of the ids, control tokens left out; invalid UTF-8 becomes U+FFFD. */
  detokenize(tokenIds: readonly number[] | Uint32Array): Promise<string>;
  stats(): Promise<Stats>;
  experts(): Promise<ExpertSnapshot>;
  /**
   * Records which experts every prompt token and generated token is routed to, from now until `stop`; one trace at a
   * time. Prompt tokens that are not computed again (`reusedTokens`) are not in it. `npm run replay` reads it. When
   * `maxBytes` (default 64 MiB) wait to be read, recording ends after a whole pass.
   *
   * Errors: `invalid-argument` if a trace is being recorded or the model has no routed experts.
   */
  trace(options?: { maxBytes?: number }): Promise<Trace>;
  /** Frees everything; a running generation ends with `aborted`. */
  dispose(): Promise<void>;
}
