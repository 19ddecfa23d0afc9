/** Where model bytes come from: a URL, a file the user picked, or the parts of a split GGUF in any order. */
export type ModelSource = string | URL | Blob | readonly (string | URL | Blob)[];

export type BackendChoice = "auto" | "webgpu" | "wasm";

/** Bytes; all experts; the least that works (one slot a layer); or a share of what all experts take. */
export type ExpertBudget = number | "all" | "min" | `${number}%`;

/** Who gives up a slot; see `LoadOptions.eviction`. */
export type EvictionPolicy = "lru" | "lfu" | "lru-2" | "adaptive";

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
   * with quantised weights to 8 bits a number, where the backend has kernels for it (WASM): faster, and other numbers.
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
  /** Bytes of expert records kept in RAM behind the device's slots. Default: an eighth of device memory. */
  hostBudget?: number;
  /** Where fetched parts persist. Default: `indexeddb` where it exists, else `memory`. */
  store?: "indexeddb" | "memory";
  /** Fetch the rest of a remote model in idle time, so that it works offline. Default: true. */
  completeInBackground?: boolean;
  /**
   * Layers per GPU submission in decode: 1 is the reference path, `all` is one round trip a token.
   * Never changes a token. Default: `all` when every expert has a slot, else 1.
   */
  segmentLayers?: number | "all";
  /**
   * Where the worker's script lies, if a bundler has not put it beside the library; it may be of another origin, which
   * must allow the page's (CORS). Not for Node.
   */
  workerUrl?: string | URL;
  /** The folder of the library's wasm files, if they do not lie beside the worker's script. Not for Node. */
  wasmUrl?: string | URL;
  signal?: AbortSignal;
  onProgress?: (progress: LoadProgress) => void;
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
  signal?: AbortSignal;
}
