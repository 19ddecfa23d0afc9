import type { Notice } from "./notice.ts";

/**
 * Where model bytes come from: a URL, a file the user picked, or the parts of a split GGUF in any order. Two more
 * kinds of address: `hf:org/repo[@revision]/path/file.gguf` is a file on the Hugging Face Hub, of the commit that the
 * revision names when it is first loaded, and stays that while it is stored; `imported:…` is a model that was copied
 * into the store from files (`StoredModelInfo.source`).
 */
export type ModelSource = string | URL | Blob | readonly (string | URL | Blob)[];

export type BackendChoice = "auto" | "webgpu" | "wasm";

/** Bytes; all experts; the least that works (one slot a layer); or a share of what all experts take. */
export type ExpertBudget = number | "all" | "min" | `${number}%`;

/** Who gives up a slot; see `LoadOptions.eviction`. */
export type EvictionPolicy = "lru" | "lfu" | "lru-2" | "adaptive";

/** How layers share the slots; see `LoadOptions.slotShares`. */
export type SlotShares = "even" | "measured";

/** What a token does about an expert that is not on the device; see `LoadOptions.onMiss`. */
export type OnMiss = "wait" | "substitute" | "skip";

/** By what experts are guessed before a router asks; see `LoadOptions.prediction`. */
export type ExpertPrediction = "auto" | "none" | "gates" | "usual" | "recent" | "token" | "layer" | "mixed";

export interface LoadProgress {
  /** `header`: metadata; `trunk`: always-used weights; `experts`: weights fetched ahead; `compile`: GPU pipelines. */
  phase: "header" | "trunk" | "experts" | "compile";
  /** Bytes of this phase done so far (pipelines, in phase `compile`). */
  loadedBytes: number;
  /** Bytes of this phase in all (pipelines, in phase `compile`). */
  totalBytes: number;
}

export interface LoadOptions {
  /** `auto` takes WebGPU where a real adapter works, else WebAssembly. */
  backend?: BackendChoice;
  /** `wasm` decides every route in WebAssembly, with one GPU round trip a layer. */
  routing?: "auto" | "wasm";
  /**
   * `f32` never quantises activations: the exact profile, and what `auto` takes. `int8` rounds what enters a product
   * with quantised weights to 8 bits a number, where the backend has kernels for it (WASM; WebGPU for
   * q8_0, q4_0 and q4_k): faster, and other numbers.
   * `info.numerics.activations` says what runs.
   */
  activations?: "auto" | "f32" | "int8";
  /**
   * Upper bound on the threads of the WASM backend; they change no bit of the output. Default: as many as the machine
   * runs at once, 8 at most, where the page is `crossOriginIsolated`; else 1, which is then all that works. In Node 1.
   */
  threads?: number;
  /** Positions the session can hold. Default: the model's own, or what 1 GiB of KV cache holds. */
  contextLength?: number;
  /** Room for routed experts on the device; a hard limit. Default: a quarter of device memory. */
  expertBudget?: ExpertBudget;
  /**
   * Which expert gives up its slot when a layer is full: the least recently used (`lru`), the least used of late
   * (`lfu`), the one whose use before the last is the longest ago (`lru-2`), or the one that recent use and what
   * usually follows the last picks make the least likely (`adaptive`). Never changes a token. Default: `adaptive`.
   */
  eviction?: EvictionPolicy;
  /**
   * `even` gives every layer as many slots as the others; `measured` moves slots between generations to the layers
   * that miss most, within the same budget. Never changes a token. Default: `measured`.
   */
  slotShares?: SlotShares;
  /**
   * By what experts are guessed and fetched from the network before a layer asks for them: how often the model or the
   * text at hand picks them (`usual`, `recent`), what goes with the token's id or the picks of the layer before
   * (`token`, `layer`), all of these (`mixed`), or the layer's own gate on the state one layer before (`gates`, WASM
   * only). `auto` takes whichever was worth most of late, `none` fetches on demand. Never changes a token.
   * Default: `auto`.
   */
  prediction?: ExpertPrediction;
  /**
   * What a generated token does about a picked expert that is not on the device. `wait` fetches it: exact.
   * `substitute` takes the best-scored expert that is there instead, `skip` goes without: faster, and **other tokens**,
   * which then depend on what was fetched when. The expert comes in the background, for later tokens. Prompts are
   * always exact. `stats().routingAgreement` says how often the router's own picks were taken. WASM only. Default: `wait`.
   */
  onMiss?: OnMiss;
  /**
   * Above 0, an expert on the device takes the place of a picked one that is not, if its selection score is at most
   * this share below: **inexact** as `onMiss` other than `wait` is. WASM only. Default: 0.
   */
  cacheMargin?: number;
  /**
   * Bytes of expert records kept in RAM behind the device's slots, where not every expert has one. Default: an eighth of
   * device memory.
   */
  hostBudget?: number;
  /** Where fetched parts persist. Default: `indexeddb` where it exists, else `memory`. */
  store?: "indexeddb" | "memory";
  /** Fetch the rest of a remote model in idle time, so that it works offline. Default: true. */
  completeInBackground?: boolean;
  /**
   * Layers per GPU submission in decode: 1 is the reference path, `all` is one round trip a token, `auto` follows how
   * often experts are missing and what a round trip costs. Never changes a token. Default: `auto`.
   */
  segmentLayers?: number | "all" | "auto";
  /** Access token for gated and private `hf:` repositories. Sent to huggingface.co alone, and stored nowhere. */
  hubToken?: string;
  /**
   * Where the worker's script lies, if a bundler has not put it beside the library; it may be of another origin, which
   * must allow the page's (CORS). Not for Node.
   */
  workerUrl?: string | URL;
  /** The folder of the library's wasm files, if they do not lie beside the worker's script. Not for Node. */
  wasmUrl?: string | URL;
  signal?: AbortSignal;
  onProgress?: (progress: LoadProgress) => void;
  /** Told what the engine did on its own once the model was loaded; may come a little after the tokens that follow. */
  onNotice?: (notice: Notice) => void;
}

export interface GenerateOptions {
  /** Tokens to generate at most. Default: until the context is full. */
  maxTokens?: number;
  /** 0 is greedy. Default 0.8. */
  temperature?: number;
  /** Keep the k most likely tokens; 0 keeps all. Default 40. */
  topK?: number;
  /** Keep the smallest set whose probability reaches p. Default 0.95. */
  topP?: number;
  /** Drop tokens less likely than minP × the likeliest. Default 0.05. */
  minP?: number;
  /** Divides positive and multiplies negative logits of the last 64 tokens. Default 1 (off). */
  repeatPenalty?: number;
  /** Same seed, prompt and options: same text. Default: random. */
  seed?: number;
  /** Generation ends before the first of these strings that appears. */
  stop?: string | readonly string[];
  /** Go on after an end-of-sequence token. Default false. */
  ignoreEos?: boolean;
  /**
   * Ids of an answer to the same prompt that was cut off (closed tab, crash, Stop): the answer goes on behind them
   * with the tokens and texts that it would have had. The KV cache is computed again by the passes that filled it,
   * and a draw depends on seed and position alone, so nothing else of the first run is needed. What to keep while an
   * answer is written:
   *
   * - the prompt's ids as `tokenize` gives them (a chat template may read the clock: rendered later, the messages
   *   can be another prompt),
   * - the options, with a `seed` that you chose,
   * - of every token its `id`, and its `text` as far as it is shown: what is still held back of a character or of
   *   a stop string comes with the tokens that follow.
   *
   * A list that lacks the last tokens is as good: they are written again. One that holds the whole answer ends at once
   * with the reason that the answer ended for. `maxTokens` and `generatedTokens` count these ids too. The tokens are
   * those of the first run under the same numeric profile: compare `info.numerics` where it matters.
   *
   * Errors: `invalid-argument` if `seed` is missing where `temperature` is above 0, or if the answer had ended before
   * the last of the ids under these options; `context-full` if prompt and ids do not fit.
   */
  resume?: readonly number[] | Uint32Array;
  signal?: AbortSignal;
}
