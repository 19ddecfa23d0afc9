import { WebMoEError } from "../api/errors.ts";

/** What core.wasm exports (asm/core/index.ts). Addresses and u32 results arrive as signed numbers. */
export interface CoreExports {
  readonly memory: WebAssembly.Memory;
  stage(bytes: number): number;
  reserve(bytes: number): number;
  xxh64(bytes: number, length: number): bigint;
  checkElements(values: number, count: number, numberBytes: number, exponentMask: number): number;
  repackBlocks(blocks: number, count: number, blockBytes: number, fields: number, fieldCount: number): number;
  unpackBlocks(blocks: number, count: number, blockBytes: number, fields: number, fieldCount: number): void;
  bpeLoad(
    tokens: number,
    tokenBytes: number,
    tokenOffsets: number,
    mergeCount: number,
    merges: number,
    extraCount: number,
    extraBytes: number,
    extraOffsets: number,
    byteTokens: number,
    ignoreMerges: number,
  ): number;
  bpeEncode(word: number, length: number, out: number, scratch: number): number;
  spmLoad(
    tokens: number,
    tokenBytes: number,
    tokenOffsets: number,
    scores: number,
    byteTokens: number,
    unknownToken: number,
  ): number;
  spmEncode(text: number, length: number, out: number, scratch: number): number;
  chainScratchBytes(length: number): number;
  routeScratchBytes(experts: number): number;
  route(
    logits: number,
    rows: number,
    experts: number,
    k: number,
    scoreKind: number,
    bias: number,
    groupCount: number,
    groupKept: number,
    groupScore: number,
    weightKind: number,
    scale: number,
    ids: number,
    weights: number,
    scratch: number,
  ): void;
  routeResident(
    logits: number,
    experts: number,
    k: number,
    scoreKind: number,
    bias: number,
    groupCount: number,
    groupKept: number,
    groupScore: number,
    weightKind: number,
    scale: number,
    slots: number,
    margin: number,
    onMiss: number,
    ids: number,
    weights: number,
    scratch: number,
  ): void;
  groupByExpert(
    ids: number,
    count: number,
    expertCount: number,
    experts: number,
    offsets: number,
    entries: number,
    cursors: number,
  ): number;
  slotsReset(layerCount: number, expertCount: number, policy: number, mayEvict: number): number;
  slotsResize(layer: number, count: number): void;
  slotsDemand(layer: number): number;
  slotsLookup(layer: number, expert: number): number;
  slotsObserve(layer: number, tokens: number, ids: number, weights: number, rows: number, k: number): void;
  slotsPlace(layer: number, expert: number, keep: number, keepCount: number): number;
  slotsLost(): number;
  slotsEvict(layer: number, expert: number): void;
  slotsTable(layer: number): number;
  predictionReset(layerCount: number, expertCount: number, k: number, vocabSize: number): number;
  predictionLearn(layer: number, tokens: number, ids: number, before: number, rows: number, k: number): void;
  predictionRate(
    kind: number,
    layer: number,
    token: number,
    before: number,
    weights: number,
    k: number,
  ): number;
  sampleScratchBytes(count: number): number;
  sample(
    logits: number,
    count: number,
    penalized: number,
    penalizedCount: number,
    penalty: number,
    topK: number,
    topP: number,
    minP: number,
    temperature: number,
    random: number,
    scratch: number,
  ): number;
}

const ALIGNMENT = 16;

type Bytes = ArrayBufferView<ArrayBufferLike>;

/**
 * Reads and writes the memory of a core instance. Growth detaches every view, so each access makes its own.
 *
 * Error: `out-of-memory` when memory cannot grow.
 */
export interface CoreMemory {
  /** Addresses of regions of these sizes in staging: valid until the next `stage`. */
  stage(...sizes: number[]): number[];
  /** Copies the array into memory that is never freed. */
  keep(array: Bytes): number;
  write(address: number, array: Bytes): void;
  zero(address: number, byteLength: number): void;
  /** Copies. */
  u8(address: number, length: number): Uint8Array<ArrayBuffer>;
  u32(address: number, length: number): Uint32Array<ArrayBuffer>;
  f32(address: number, length: number): Float32Array<ArrayBuffer>;
  f64(address: number, length: number): Float64Array<ArrayBuffer>;
}

export function coreMemory(exports: CoreExports): CoreMemory {
  const { memory } = exports;
  const found = (address: number, bytes: number): number => {
    if (address !== 0) return address >>> 0;
    throw new WebMoEError(
      "out-of-memory",
      `core.wasm could not get ${bytes} bytes beyond its ${memory.buffer.byteLength}: close other tabs or load a smaller model.`,
    );
  };
  const write = (address: number, array: Bytes): void => {
    new Uint8Array(memory.buffer, address, array.byteLength).set(
      new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
    );
  };
  return {
    stage(...sizes) {
      let total = 0;
      const offsets = sizes.map((size) => {
        const offset = total;
        total += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
        return offset;
      });
      const start = found(total < 2 ** 32 ? exports.stage(total) : 0, total);
      return offsets.map((offset) => start + offset);
    },
    keep(array) {
      const address = found(exports.reserve(array.byteLength), array.byteLength);
      write(address, array);
      return address;
    },
    write,
    zero: (address, byteLength) => {
      new Uint8Array(memory.buffer, address, byteLength).fill(0);
    },
    u8: (address, length) => new Uint8Array(memory.buffer, address, length).slice(),
    u32: (address, length) => new Uint32Array(memory.buffer, address, length).slice(),
    f64: (address, length) => new Float64Array(memory.buffer, address, length).slice(),
    f32: (address, length) => new Float32Array(memory.buffer, address, length).slice(),
  };
}
