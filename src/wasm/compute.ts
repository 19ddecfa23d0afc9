import type { QuantName } from "../model/quantization.ts";

/** compute.wasm's numbers for the encodings (`asm/compute/quant/types.ts`). */
export const COMPUTE_TYPES: Readonly<Record<QuantName, number>> = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q8_0: 3,
  bf16: 4,
  q4_1: 5,
  q5_0: 6,
  q5_1: 7,
  q2_k: 8,
  q3_k: 9,
  q4_k: 10,
  q5_k: 11,
  q6_k: 12,
  iq4_nl: 13,
  iq4_xs: 14,
  mxfp4: 15,
  tq1_0: 16,
  tq2_0: 17,
};

/** Bit of an encoding's number: x is quantised (`asm/compute/int8/units.ts`). */
export const INT8_ACTIVATIONS = 32;

/** Addresses of a packed matrix's planes; of no meaning where the type has fewer. */
export type Planes = readonly [number, number, number, number];

/**
 * compute.wasm's exports. Addresses and strides are bytes in the memory it was given, counts are elements, and
 * activations are f32, row-major. Addresses above 2 GiB come back negative: `>>> 0` makes them whole.
 */
export interface ComputeExports {
  /** First byte the host may use. */
  heapBase(): number;
  /** Fills the table [65536] of f32 by half, and tells the instance where it is. */
  fillHalfTable(table: number): void;
  useHalfTable(table: number): void;

  /**
   * out [rows, cols] = scale · rows `tokens` of the matrix whose planes start at a, b, c and d, of encoding `type`, which
   * has the bit INT8_ACTIVATIONS if the matrix is as `arrangeRows` left it. EMBED_SCRATCH_BYTES of scratch.
   */
  embed(
    type: number,
    a: number,
    b: number,
    c: number,
    d: number,
    cols: number,
    tokens: number,
    rows: number,
    scale: number,
    out: number,
    scratch: number,
  ): void;
  /** out = x / √(mean(x²) + eps) · weight, of `rows` rows. */
  rmsNorm(x: number, weight: number, width: number, eps: number, rows: number, out: number): void;
  /**
   * Outputs [start, end) of [residual +] scale · (x · Wᵀ [+ bias]), W's planes at a, b, c and d; bias and residual are not there where they are 0.
   * Rows of out and residual are outStride apart.
   */
  linear(
    type: number,
    a: number,
    b: number,
    c: number,
    d: number,
    cols: number,
    x: number,
    xStride: number,
    rows: number,
    out: number,
    outStride: number,
    bias: number,
    scale: number,
    residual: number,
    scratch: number,
    start: number,
    end: number,
  ): void;
  linearScratchBytes(rows: number, cols: number): number;
  /** Takes chunks of the job at `job` (`src/backend/wasm/job.ts`) until none is left; `thread` chooses its scratch. */
  runJob(job: number, thread: number): void;
  /**
   * out [rows], outStride apart = rows of x [rows, cols] rounded for `linear` with INT8_ACTIVATIONS in its type; `type`
   * is without it here. As many rows as the product will have.
   */
  quantizeRows(type: number, x: number, cols: number, rows: number, out: number, outStride: number): void;
  quantizedRowBytes(type: number, cols: number): number;
  /**
   * Puts rows [rows, cols] of an encoding whose products on rounded rows read another order into that order; `a` and `b`
   * are where the rows start in the first two planes.
   */
  arrangeRows(type: number, a: number, b: number, cols: number, rows: number): void;
  /**
   * out [rows, 2, dimension / 2]: cosines and sines of position · freqScale · freqBase^(−2i/dimension) / factors[i];
   * no factors where they are 0.
   */
  fillRope(
    position: number,
    rows: number,
    dimension: number,
    freqBase: number,
    freqScale: number,
    factors: number,
    out: number,
  ): void;
  /**
   * Splits qkv, norms (where weights are given, else 0; each head, or all heads as one row if normsRow is 1) and
   * rotates q to `out` and k, v to the cache. `keyRow` is scratch [kvHeadCount, headDim].
   */
  ropeCache(
    qkv: number,
    rows: number,
    position: number,
    headCount: number,
    kvHeadCount: number,
    headDim: number,
    qNorm: number,
    kNorm: number,
    normsRow: number,
    eps: number,
    table: number,
    dimension: number,
    neox: number,
    pageTable: number,
    out: number,
    keyRow: number,
  ): void;
  /** Kv heads [start, end) of causal attention over the pages. */
  attention(
    q: number,
    rows: number,
    position: number,
    headCount: number,
    kvHeadCount: number,
    headDim: number,
    scale: number,
    pageTable: number,
    out: number,
    scratch: number,
    start: number,
    end: number,
  ): void;
  attentionScratchBytes(rows: number, headCount: number): number;
  kvPageBytes(kvHeadCount: number, headDim: number): number;
  /** out [count, …] = the rows of x that entries (row · expertsPerToken + rank) name. */
  gatherRows(
    x: number,
    rowBytes: number,
    entries: number,
    count: number,
    expertsPerToken: number,
    out: number,
  ): void;
  /** Row i goes to row entries[i] of out. */
  scatterRows(rows: number, rowBytes: number, entries: number, count: number, out: number): void;
  /** out = silu(gate) · up; `out` may be `gate`. */
  siluMul(gate: number, up: number, length: number, out: number): void;
  /** out = residual + scale · (Σ_rank weight · expert row, ranks ascending [, + shared]); no shared where it is 0. */
  combine(
    residual: number,
    weights: number,
    expertRows: number,
    rows: number,
    expertsPerToken: number,
    width: number,
    shared: number,
    scale: number,
    out: number,
  ): void;
}

/** Bytes of scratch for `embed`. */
export const EMBED_SCRATCH_BYTES = 256;

/** Bytes of the table for `fillHalfTable`. */
export const HALF_TABLE_BYTES = 0x10000 * 4;

/** Positions of one layer in a page of the KV cache (`asm/compute/kv.ts`). */
export const KV_PAGE_POSITIONS = 64;

/** The memory limits that compute.wasm was compiled with, in pages of 64 KiB: 1 MiB, and all of 32-bit memory. */
export const COMPUTE_MEMORY = { initial: 16, maximum: 65536 } as const;

/** Instantiates compute.wasm on a memory made with COMPUTE_MEMORY. */
export async function instantiateCompute(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<ComputeExports> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  return exports as unknown as ComputeExports;
}
