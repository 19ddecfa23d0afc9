import type { EvictionPolicy, OnMiss } from "../api/options.ts";
import type { QuantName } from "../model/quantization.ts";
import type { RouterSpec } from "../model/router-spec.ts";
import type { Decisions, SampleParams } from "./decisions.ts";

export { instantiateCore } from "./core-instance.ts";

/** A byte-level BPE vocabulary, as numbers: what core.wasm needs to merge. */
export interface BpeTables {
  /** Bytes of every token one after the other, and where token i starts (length vocabSize + 1). */
  readonly tokenBytes: Uint8Array;
  readonly tokenOffsets: Uint32Array;
  /** [left, right, merged] by rank; ids ≥ vocabSize name strings that merges make but the vocabulary lacks. */
  readonly merges: Uint32Array;
  /** Bytes of the strings behind ids ≥ vocabSize, same form as the tokens. */
  readonly extraBytes: Uint8Array;
  readonly extraOffsets: Uint32Array;
  /** Token of each single byte, or 0xffffffff. */
  readonly byteTokens: Uint32Array;
  /** A word that is a token as a whole is that token, whatever the merges say (llama-bpe). */
  readonly ignoreMerges: boolean;
}

/** A SentencePiece vocabulary, as numbers: what core.wasm needs to merge. */
export interface SpmTables {
  /** UTF-8 of every token one after the other, and where token i starts (length vocabSize + 1). */
  readonly tokenBytes: Uint8Array;
  readonly tokenOffsets: Uint32Array;
  /** `[vocabSize]`, none of them NaN: of two merges that of the higher score comes first. */
  readonly scores: Float32Array;
  /** Token of each single byte, or 0xffffffff. */
  readonly byteTokens: Uint32Array;
  /** Stands for a character that has neither token nor byte tokens; undefined drops it. */
  readonly unknownId: number | undefined;
}

/** Token rows of a batch grouped by expert: dropless, rows ascending inside an expert. */
export interface DispatchPlan {
  /** Distinct experts, ascending. */
  readonly experts: Uint32Array;
  /** Entries of experts[i]: entries[offsets[i] .. offsets[i + 1]). */
  readonly offsets: Uint32Array;
  /** row · expertsPerToken + rank. */
  readonly entries: Uint32Array;
}

/** Slot tables of all layers, and the policy that decides who loses a slot. */
export interface SlotTables {
  /** Experts by slot start empty, and the policy knows nothing; counts[layer] slots each. */
  reset(counts: Uint32Array, expertCount: number, policy: EvictionPolicy): void;
  /** Other numbers of slots, which start empty; what the policy knows stays. */
  resize(counts: Uint32Array): void;
  /** Slot of the expert or ABSENT. */
  lookup(layer: number, expert: number): number;
  /**
   * Tells the policy what consecutive `tokens` picked in a layer, [tokens, expertsPerToken], distinct within a token
   * and the best first. Every token passes here once a layer, before its missing experts are placed.
   */
  observe(layer: number, tokens: Uint32Array, picks: Decisions, expertsPerToken: number): void;
  /**
   * A slot for an expert that has none: a free one, else that of the expert not in `keep` which the policy can
   * spare the most. Returns the slot and who lost it (ABSENT if it was free), or undefined when every slot holds an
   * expert of `keep`.
   */
  place(layer: number, expert: number, keep: Uint32Array): { slot: number; evicted: number } | undefined;
  /** Frees the expert's slot, if it has one: its bytes never arrived. */
  evict(layer: number, expert: number): void;
  /**
   * `[expertCount]`: picks that generated tokens made of the layer's expert that the policy rated r-th, r from 0,
   * older ones counting less: what a slot after r others would have found. All 0 if no layer ever has to evict.
   */
  demand(layer: number): Float64Array;
  /** `[expertCount]`: slot or ABSENT. A copy. */
  table(layer: number): Uint32Array;
}

/**
 * By what a layer's picks are guessed: how often the model or the text at hand picks an expert, what the token's id or
 * the picks of the layer before go with, or all of these together.
 */
export type Predictor = "usual" | "recent" | "token" | "layer" | "mixed";

/** Learns from every routed token which experts go with what; 8-byte-aligned tables of at most 52 MiB. */
export interface PredictionTables {
  /** Nothing is known of the model's layers. */
  reset(size: { layerCount: number; expertCount: number; expertsPerToken: number; vocabSize: number }): void;
  /** What `tokens` picked in a layer, and in the layer before if that has experts. */
  learn(layer: number, tokens: Uint32Array, ids: Uint32Array, before: Uint32Array | undefined): void;
  /** `[expertCount]`: how likely the token picks each expert; `before` is what it picked in the layer before. */
  rate(predictor: Predictor, layer: number, token: number, before: Decisions | undefined): Float64Array;
}

/** How picks whose experts are not on the device give way; see `LoadOptions`. */
export interface InexactRouting {
  readonly cacheMargin: number;
  readonly onMiss: OnMiss;
}

/**
 * core.wasm: what must be fast and exact on the CPU, one instance a model. All arrays given and returned are the
 * caller's own; nothing aliases WASM memory.
 */
export interface Core {
  /** XXH64 with seed 0, 16 hex digits. */
  checksum(bytes: Uint8Array): string;
  /**
   * Repacks `rows` × `cols` elements from file blocks into `packedLayout(type, rows, cols)`.
   * Errors: `bad-gguf` if a scale (or an f16/f32 element) is not finite; the message gives the block.
   */
  repack(type: QuantName, bytes: Uint8Array, rows: number, cols: number): Uint8Array<ArrayBuffer>;
  /** The file's blocks of a packed matrix, byte for byte: what `repack` was given. */
  unpack(type: QuantName, packed: Uint8Array, rows: number, cols: number): Uint8Array<ArrayBuffer>;
  /** One vocabulary at a time: the one loaded last encodes. */
  loadBpe(tables: BpeTables): void;
  loadSpm(tables: SpmTables): void;
  /** Token ids of one pre-tokenised word (BPE) or of a text (SentencePiece), given as its UTF-8 bytes. */
  encodeWord(word: Uint8Array): Uint32Array;
  /** Interprets the router on `logits` [rows, expertCount]; `bias` is the spec's selection bias, if it has one. */
  route(spec: RouterSpec, logits: Float32Array, rows: number, bias?: Float32Array): Decisions;
  /**
   * Inexact: one row routed to experts that have slots in `table` [expertCount], as `LoadOptions` describes. An id of
   * ABSENT, with weight 0, is a pick that is left out.
   */
  routeResident(spec: RouterSpec, logits: Float32Array, table: Uint32Array, how: InexactRouting): Decisions;
  /** Groups `ids` [rows · expertsPerToken] by expert. */
  groupByExpert(ids: Uint32Array, expertCount: number): DispatchPlan;
  readonly slots: SlotTables;
  readonly prediction: PredictionTables;
  /**
   * Penalties, top-k, top-p, min-p, temperature, then the draw (llama.cpp's order); ties to the lowest id.
   * `logits` [vocabSize] is left unchanged.
   */
  sample(logits: Float32Array, params: SampleParams): number;
}
