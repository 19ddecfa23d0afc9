import type { MemoryInfo, NumericProfile } from "../api/info.ts";
import type { ExpertMatrix, ExpertsOp, Op, RouteOp, TensorSpec, ValueId } from "../model/plan.ts";
import type { PackedRows } from "../model/quantization.ts";
import type { Decisions, SampleParams } from "../wasm/decisions.ts";

export { ABSENT, type Decisions, type SampleParams } from "../wasm/decisions.ts";

/** Prompt rows computed together; part of the numeric profile. */
export const CHUNK_ROWS = 128;

/** One forward computation of a batch: a prompt chunk of up to CHUNK_ROWS tokens, or one generated token. */
export interface Pass {
  readonly phase: "prefill" | "decode";
  /** Position of the first token. Cache rows from here on are written anew. */
  readonly position: number;
  /**
   * `sampled`, in decode and only where routesOnDevice: the token that the last `sample` picked on this device, which
   * nobody else need know yet. If it picked none, the pass computes numbers that mean nothing.
   */
  readonly tokens: Uint32Array | "sampled";
}

/** The share of a dispatch plan whose experts have slots at the same time. */
export interface Wave {
  /** Slot of each expert in this wave. */
  readonly slots: Uint32Array;
  /** Expert i runs on entries[offsets[i] .. offsets[i + 1]); length slots.length + 1. */
  readonly offsets: Uint32Array;
  /** row · expertsPerToken + rank. */
  readonly entries: Uint32Array;
}

/** What a submission brings back. */
export interface ReadRequest {
  /** Decisions and slots as the device made them in layers [from, to). */
  readonly routing?: { readonly from: number; readonly to: number };
  /** A value's live rows. */
  readonly value?: ValueId;
  /** The token that `sample` picked; ABSENT if the likeliest logit is not a finite number. */
  readonly token?: boolean;
}

export interface ReadResult {
  /** `[to − from, expertsPerToken]`; an expert whose slot is ABSENT was skipped. Dense layers hold zeros. */
  readonly routing?: Decisions & { readonly slots: Uint32Array };
  readonly value?: Float32Array;
  readonly token?: number;
}

/**
 * Typed ops over one model's plan. `run` may execute at once (WASM) or record (WebGPU); `submit` settles what was
 * run since the last `submit`. One pass at a time; calls come in plan order, from any layer on in a replay.
 *
 * Where routesOnDevice, `submit` has sent what was run when it returns its promise: the next pass may begin before
 * the promise is settled, and computes after it. Replay inputs and what a pass was told are then the next pass's.
 *
 * Errors: `out-of-memory` from create, allocateSlots, beginPass; `device-lost` from any.
 */
export interface Backend {
  readonly numerics: NumericProfile;
  /** True if `run(route)` works, so that a segment of several layers is one round trip. */
  readonly routesOnDevice: boolean;
  /** CPU threads that compute; 1 where a GPU does. */
  readonly threads: number;

  /** Writes rows of a trunk tensor. */
  writeTrunk(tensor: TensorSpec, rows: PackedRows): void;
  /** Bytes that one slot of a layer takes on the device, padding included; 0 for a dense layer. */
  slotBytes(layer: number): number;
  /** Makes room for `counts[layer]` experts in each layer; all slots are empty afterwards. */
  allocateSlots(counts: Uint32Array): Promise<void>;
  /** Writes rows of one matrix of the expert in `slot`. */
  writeSlot(layer: number, slot: number, matrix: ExpertMatrix, rows: PackedRows): void;
  /** Tells the device router which slot holds which expert: `table[expert]` = slot or ABSENT. */
  writeSlotTable(layer: number, table: Uint32Array): void;

  beginPass(pass: Pass): Promise<void>;
  /** `route` and `experts` are valid here in decode and only where routesOnDevice. */
  run(op: Op): void;
  /** Instead of run(route): the decisions were made in WASM. */
  setDecisions(op: RouteOp, decisions: Decisions): void;
  /** Instead of run(experts): only this wave's entries. Each wave is settled before its slots may be rewritten. */
  runWave(op: ExpertsOp, wave: Wave): Promise<void>;
  canSample(params: SampleParams): boolean;
  /** Picks a token from the plan's logits. */
  sample(params: SampleParams): void;
  submit(read: ReadRequest): Promise<ReadResult>;

  /** Overwrites a value's rows `[rows, width]`; for tests of single ops. */
  writeValue(value: ValueId, data: Float32Array): void;

  memory(): Omit<MemoryInfo, "hostTierBytes">;
  dispose(): void;
}
