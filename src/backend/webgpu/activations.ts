import type { ForwardPlan, ValueId } from "../../model/plan.ts";
import { CHUNK_ROWS, type Pass } from "../backend.ts";
import { type Cell, type Gpu, storageBytes } from "./device.ts";
import { attentionChunkFloats, attentionChunks } from "./kernels.ts";
import { SELECTION_WORDS } from "./selection.ts";

type Phase = Pass["phase"];

const SELECTION_BYTES = SELECTION_WORDS * 4;

/** Offsets of bindings are multiples of this on any device. */
export const BINDING_ALIGNMENT = 256;

/** Everything a pass computes, and what it is told besides weights. Sized once, for the largest batch. */
export interface Activations {
  readonly byteLength: number;
  /** Rows of the largest batch. */
  readonly maxRows: number;
  /** Ranks of the layer that has the most. */
  readonly maxRanks: number;
  /**
   * A value's storage. In decode every replay value has its own, so that the pass can run again from any layer;
   * in prefill, where nothing is replayed, they take turns in two.
   */
  value(id: ValueId, phase: Phase): Cell;
  /** Floats of a value's live rows. */
  liveLength(id: ValueId, rows: number): number;
  /** The norm of a layer's output `[hiddenSize]` that its `combine` leaves in decode; as long-lived as a replay value. */
  combinedNorm(layer: number): Cell;
  /** `[maxRows, maxRanks]` selection of a prefill layer. */
  readonly decisions: Cell;
  /** Selections of a decode pass: layer l's `[maxRanks]` at l · logStride bytes. */
  readonly log: Cell;
  readonly logStride: number;
  /** `[maxRanks]` selection of one wave in decode. */
  readonly waveSelection: Cell;
  /** Work items of one wave in prefill (slot, first entry, count, 0), and its entries. */
  readonly items: Cell;
  readonly entries: Cell;
  /** What decode attends to chunk by chunk: `[chunks, headCount, headDim + 2]`. */
  readonly chunks: Cell;
  /** `[maxRows · maxRanks, expertHiddenSize]`, `[maxRows · maxRanks, hiddenSize]`. */
  readonly expertHidden: Cell;
  readonly expertRows: Cell;
}

/** Call inside `gpu.allocating`. */
export function createActivations(gpu: Gpu, plan: ForwardPlan, contextLength: number): Activations {
  const maxRows = Math.min(CHUNK_ROWS, contextLength);
  const experts = plan.layers.flatMap(({ moe }) => moe ?? []);
  const most = (numbers: readonly number[]): number => Math.max(1, ...numbers);
  const maxRanks = most(experts.map(({ router }) => router.expertsPerToken));
  const entryCount = maxRows * maxRanks;
  const chunkFloats = attentionChunks(contextLength) * attentionChunkFloats(plan.hyperparameters);
  let byteLength = 0;
  const make = (label: string, bytes: number): Cell => {
    byteLength += storageBytes(bytes);
    return gpu.storage(label, bytes);
  };

  const replayed = plan.values.filter(({ kind }) => kind === "replay");
  const replayBytes = maxRows * most(replayed.map(({ width }) => width)) * 4;
  const turnAbout =
    replayed.length > 0 ? [make("replay even", replayBytes), make("replay odd", replayBytes)] : [];
  const values = plan.values.map((spec): Readonly<Record<Phase, Cell>> => {
    if (spec.kind === "replay")
      return { prefill: turnAbout[replayed.indexOf(spec) % 2]!, decode: make(spec.name, spec.width * 4) };
    const cell = make(spec.name, (spec.rows === "one" ? 1 : maxRows) * spec.width * 4);
    return { prefill: cell, decode: cell };
  });
  const logStride = Math.ceil((maxRanks * SELECTION_BYTES) / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
  const combinedNorms = plan.layers.map(({ ops, output }) =>
    ops.some(({ kind }) => kind === "combine")
      ? make("combined norm", plan.values[output]!.width * 4)
      : undefined,
  );

  return {
    get byteLength() {
      return byteLength;
    },
    maxRows,
    maxRanks,
    value: (id, phase) => values[id]![phase],
    liveLength: (id, rows) => plan.values[id]!.width * (plan.values[id]!.rows === "one" ? 1 : rows),
    combinedNorm: (layer) => combinedNorms[layer]!,
    decisions: make("decisions", entryCount * SELECTION_BYTES),
    log: make("routing log", plan.layers.length * logStride),
    logStride,
    waveSelection: make("wave selection", maxRanks * SELECTION_BYTES),
    items: make("wave items", entryCount * 16),
    entries: make("wave entries", entryCount * 4),
    chunks: make("attention chunks", chunkFloats * 4),
    expertHidden: make("expert hidden", entryCount * most(experts.map((e) => e.expertHiddenSize)) * 4),
    expertRows: make("expert rows", entryCount * most(experts.map((e) => e.matrices.down.rows)) * 4),
  };
}
