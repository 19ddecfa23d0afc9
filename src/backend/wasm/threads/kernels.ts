import type { ComputeExports } from "../../../wasm/compute.ts";
import type { Matrix } from "../matrices.ts";
import { ATTENTION, LINEAR } from "./job.mjs";
import type { Pool } from "./pool.ts";

/** Operands of out = [residual +] scale · (x · Wᵀ [+ bias]), as addresses; rows of out are `outStride` bytes apart. */
export interface Product {
  readonly x: number;
  /** Bytes from one row of x to the next; the default is those of f32 rows. */
  readonly xStride?: number;
  readonly rows: number;
  readonly out: number;
  readonly outStride: number;
  readonly bias?: number;
  readonly scale?: number;
  readonly residual?: number;
}

/** Causal attention of `rows` queries from `position` on; q and out are addresses of [rows, headCount, headDim]. */
export interface Attention {
  readonly q: number;
  readonly rows: number;
  readonly position: number;
  readonly scale: number;
  readonly pageTable: number;
  readonly out: number;
}

/** The kernels that threads share. A call is complete when it returns. */
export interface Kernels {
  linear(matrix: Matrix, product: Product): void;
  attention(attention: Attention): void;
}

export interface KernelOptions {
  readonly compute: ComputeExports;
  readonly heads: { readonly headCount: number; readonly kvHeadCount: number; readonly headDim: number };
  /** Per-thread scratch: thread i's is at address + i · bytes. */
  readonly linearScratch: Scratch;
  readonly attentionScratch: Scratch;
}

export interface Scratch {
  readonly address: number;
  readonly bytes: number;
}

/** With fewer multiplications than these (some 50 µs of them) a kernel is done before sharing it would pay. */
const LEAST_SHARED_WORK = 1 << 18;

/** Chunks a thread takes of a job, if all are equally fast: more even out better, fewer cost less. */
const CHUNKS_PER_THREAD = 4;

/** Outputs that `linear` computes together (OUT_TILE): chunks are multiples of it. */
const OUTPUT_TILE = 8;

/** All work on the calling thread. */
export function directKernels({
  compute,
  heads: { headCount, kvHeadCount, headDim },
  linearScratch: { address: linearScratch },
  attentionScratch: { address: attentionScratch },
}: KernelOptions): Kernels {
  return {
    linear(
      { type, planes, rows: outputs, cols },
      { x, xStride = cols * 4, rows, out, outStride, bias = 0, scale = 1, residual = 0 },
    ) {
      compute.linear(
        type,
        ...planes,
        cols,
        x,
        xStride,
        rows,
        out,
        outStride,
        bias,
        scale,
        residual,
        linearScratch,
        0,
        outputs,
      );
    },
    attention({ q, rows, position, scale, pageTable, out }) {
      compute.attention(
        q,
        rows,
        position,
        headCount,
        kvHeadCount,
        headDim,
        scale,
        pageTable,
        out,
        attentionScratch,
        0,
        kvHeadCount,
      );
    },
  };
}

/** Work of some size is shared by the pool's threads, over outputs or kv heads. */
export function sharedKernels(options: KernelOptions, pool: Pool): Kernels {
  const direct = directKernels(options);
  const { heads, linearScratch, attentionScratch } = options;
  const { headCount, kvHeadCount, headDim } = heads;
  return {
    linear(matrix, product) {
      const { type, planes, rows: outputs, cols } = matrix;
      const { x, xStride = cols * 4, rows, out, outStride, bias = 0, scale = 1, residual = 0 } = product;
      if (rows * outputs * cols < LEAST_SHARED_WORK) return direct.linear(matrix, product);
      const tiles = Math.ceil(outputs / (OUTPUT_TILE * pool.threads * CHUNKS_PER_THREAD));
      pool.run(
        {
          kernel: LINEAR,
          units: outputs,
          chunkUnits: tiles * OUTPUT_TILE,
          scratch: linearScratch.address,
          scratchBytes: linearScratch.bytes,
        },
        [type, ...planes, cols, x, xStride, rows, out, outStride, bias, scale, residual],
      );
    },
    attention(attention) {
      const { q, rows, position, scale, pageTable, out } = attention;
      const work = rows * (position + rows) * headCount * headDim;
      if (kvHeadCount === 1 || work < LEAST_SHARED_WORK) return direct.attention(attention);
      pool.run(
        {
          kernel: ATTENTION,
          units: kvHeadCount,
          chunkUnits: 1,
          scratch: attentionScratch.address,
          scratchBytes: attentionScratch.bytes,
        },
        [q, rows, position, headCount, kvHeadCount, headDim, scale, pageTable, out],
      );
    },
  };
}
