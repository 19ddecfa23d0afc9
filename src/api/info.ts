/** Everything that fixes the bits of the output besides model, history and sampling options. */
export interface NumericProfile {
  backend: "webgpu" | "wasm";
  /** Vendor and architecture of the GPU adapter, or the WASM feature set. */
  adapter: string;
  activations: "f32" | "int8";
  kvCache: "f32";
  /** Kernel variants in use, for example `subgroups`, `shader-f16`, `simd`. */
  kernels: readonly string[];
  prefillRouting: "wasm";
  decodeRouting: "wgsl" | "wasm";
  /** Prompt rows computed together. */
  chunkRows: number;
}

/** Bytes held, by purpose. */
export interface MemoryInfo {
  trunkBytes: number;
  kvBytes: number;
  /** Expert slots on the device: never above the expert budget. */
  expertBytes: number;
  scratchBytes: number;
  hostTierBytes: number;
}

export interface ModelInfo {
  name: string;
  architecture: string;
  license?: string;
  fileBytes: number;
  parameterCount: number;
  layerCount: number;
  hiddenSize: number;
  headCount: number;
  kvHeadCount: number;
  headDim: number;
  vocabSize: number;
  /** Routed experts per MoE layer, and how many of them a token uses. */
  expertCount: number;
  expertsPerToken: number;
  expertHiddenSize: number;
  /** Bytes of one expert record on the device, largest layer. */
  expertBytes: number;
  /** Positions this session holds; the model's own limit. */
  contextLength: number;
  modelContextLength: number;
  /** Quantisation name → tensors that use it. */
  quantizations: Readonly<Record<string, number>>;
  /** Bytes that experts may take on the device: what was asked for, or less once the device ran out of memory. */
  expertBudget: number;
  /** At load; `stats()` has those of now. */
  slotsPerLayer: readonly number[];
  /** `file`: messages are written by the file's chat template; `none`: it has none, contents follow each other. */
  chatTemplate: "file" | "none";
  numerics: NumericProfile;
  /** CPU threads in use; they change no bit. 1 on WebGPU. */
  threads: number;
  memory: MemoryInfo;
}

/** Counters since load, unless said otherwise. */
export interface Stats {
  networkBytes: number;
  storeBytes: number;
  hostBytes: number;
  /** Demanded experts found in a slot / brought into one. */
  expertHits: number;
  expertMisses: number;
  /** Of those brought into a slot: found in host memory (`hostBudget`) / read from the store or fetched. */
  hostHits: number;
  hostMisses: number;
  evictions: number;
  /** Time that computing waited for experts to come into a slot. */
  stallSeconds: number;
  /** Expert bytes that were asked for before the router did: what their token needed, and what came in vain. */
  prefetchedBytes: number;
  wastedBytes: number;
  /** Segments run again because an expert was missing. */
  replays: number;
  /** Share of the router's picks that generated tokens took; 1 unless `onMiss` or `cacheMargin` made routing inexact. */
  routingAgreement: number;
  /** Tokens generated after the first of each prompt, and layers that ran for them: more where some ran again. */
  decodedTokens: number;
  layerExecutions: number;
  /** Slots by layer; they move between generations where `slotShares` is `measured`. */
  slotsPerLayer: readonly number[];
  /** GPU devices that were lost and replaced. */
  deviceLosses: number;
  residentExperts: number;
  residentExpertBytes: number;
  /** Highest number of expert bytes ever allocated on the device, staging included. */
  peakExpertBytes: number;
  /** Stored parts found damaged and fetched again. */
  healedParts: number;
  /** 1 once the store has failed or is full: everything goes on, and parts are kept in memory at most. */
  storeFailures: number;
  /** What serves the bytes of stored parts: the faster of two where both exist; undefined until it was measured. */
  storedIn: "indexeddb" | "opfs" | "memory" | undefined;
  /** Bytes of this model in the store, and what a complete copy takes; equal when complete for offline use. */
  storedBytes: number;
  storableBytes: number;
  /** Of the last generation. */
  prefillTokensPerSecond: number;
  decodeTokensPerSecond: number;
}

/** Which experts are on the device, and which the last token used. */
export interface ExpertSnapshot {
  layerCount: number;
  expertCount: number;
  expertsPerToken: number;
  /** `[layerCount, expertCount]`, 1 where the expert has a slot. */
  resident: Uint8Array;
  /** `[layerCount, expertsPerToken]` expert ids of the last token, highest weight first; empty before the first. */
  picks: Uint32Array;
}

/**
 * Routing while it is recorded. `stop` ends it and gives the bytes; what `read` gave before and what `stop` gives are
 * one trace, end to end, which holds no text but token ids. Everything is little-endian and lies without gaps.
 *
 * ```
 * u32 "WMRT"   u32 version, 1   u32 layers   u32 experts a layer   u32 experts per token   u32 vocabulary
 * u32 [layers]   bytes of an expert record; 0 marks a dense layer
 * then every pass that came to its end, a prompt chunk or one generated token:
 *   u32 position of its first token; 0 begins another text
 *   u32 tokens · 2, plus 1 if they were generated
 *   u32 [tokens]   token ids
 *   for each layer with experts
 *     u8 [tokens, experts per token]   picks, best first; u16 where a layer has more than 256 experts
 *     u16 [tokens, experts per token]  their weights: the upper half of an f32
 * ```
 */
export interface Trace {
  /** What was recorded since the start or the last `read`: whole passes, the header before the first. Errors: as `stop`. */
  read(): Promise<Uint8Array<ArrayBuffer>>;
  /** Errors: `invalid-argument` if it was stopped before. */
  stop(): Promise<Uint8Array<ArrayBuffer>>;
}
