import type { ExpertMatrix, TensorSpec } from "../model/plan.ts";
import type { PackedRows } from "../model/quantization.ts";

/** Where a matrix lies in the source files: contiguous, row after row, in the file's own block format. */
export interface TensorLocation {
  readonly spec: TensorSpec;
  /** Index of the file among the sources (split GGUF). */
  readonly file: number;
  readonly offset: number;
}

/** One expert record as it lies in the files: three byte ranges. */
export interface RecordLocation {
  readonly layer: number;
  readonly expert: number;
  readonly matrices: Readonly<Record<ExpertMatrix, TensorLocation>>;
}

/** The directory of a model's parts, from its GGUF header and ForwardPlan. */
export interface PartDirectory {
  readonly trunk: readonly TensorLocation[];
  readonly layerCount: number;
  readonly expertCount: number;
  /** Undefined in a dense layer. */
  record(layer: number, expert: number): RecordLocation | undefined;
}

/** Packed rows of one matrix of an expert. */
export interface RecordPart {
  readonly matrix: ExpertMatrix;
  readonly rows: PackedRows;
}

/** A ready expert record: all parts, verified, in the packed layout. */
export interface ExpertRecord {
  readonly layer: number;
  readonly expert: number;
  readonly parts: readonly RecordPart[];
  readonly byteLength: number;
}

/** What residency asks for records: demand goes before prefetch, equal requests share one fetch. */
export interface RecordProvider {
  record(
    layer: number,
    expert: number,
    options: { readonly priority: "demand" | "prefetch"; readonly signal?: AbortSignal },
  ): Promise<ExpertRecord>;
}

/** Bytes by tier and what healed, since the library was opened. */
export interface LibraryCounters {
  networkBytes: number;
  storeBytes: number;
  hostBytes: number;
  /** Demanded records that were in the host tier, and those that had to come from store or network. */
  hostHits: number;
  hostMisses: number;
  healedParts: number;
  storedBytes: number;
  storableBytes: number;
  hostTierBytes: number;
}
