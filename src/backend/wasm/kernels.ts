import type { ComputeExports } from "../../wasm/compute.ts";
import type { Attention, Heads, JobWriter, Product, Scratch } from "./job.ts";
import type { Pool } from "./threads/pool.ts";

/** The kernels that threads share. A call is complete when it returns. */
export interface Kernels {
  /** None reads what another of them writes. */
  products(products: readonly Product[]): void;
  attention(attention: Attention): void;
}

export interface KernelOptions {
  readonly compute: ComputeExports;
  /** Address of the job that `writer` writes. */
  readonly job: number;
  readonly writer: JobWriter;
  readonly heads: Heads;
  readonly linearScratch: Scratch;
  readonly attentionScratch: Scratch;
  /** None: all work is the calling thread's. */
  readonly pool: Pool | undefined;
}

/** With fewer multiplications than these (some 20 µs of them) a kernel is done before sharing it would pay. */
const LEAST_SHARED_WORK = 1 << 17;

/** Chunks a thread takes of a job, if all are equally fast: more even out better, fewer cost less. */
const CHUNKS_PER_THREAD = 4;

/** Multiplications of a chunk at most: where another program takes a core, all wait until its chunk goes on. */
const MOST_CHUNK_WORK = 1 << 18;

/** Outputs that `linear` computes together (OUT_TILE): chunks are multiples of it. */
const OUTPUT_TILE = 8;

/** Queries of a kv head that are one chunk of shared attention: as many as share what they read from the cache. */
const ATTENTION_ROWS = 16;

export function createKernels(options: KernelOptions): Kernels {
  const { compute, job, writer, heads, linearScratch, attentionScratch, pool } = options;

  return {
    products(products) {
      let work = 0;
      let outputs = 0;
      for (const { rows, matrix, gate } of products) {
        work += rows * matrix.rows * matrix.cols * (gate ? 2 : 1);
        outputs += matrix.rows;
      }
      const alone = !pool || work < LEAST_SHARED_WORK;
      const chunks = alone ? 1 : Math.max(pool.threads * CHUNKS_PER_THREAD, work / MOST_CHUNK_WORK);
      const chunkOutputs = OUTPUT_TILE * Math.ceil(outputs / (OUTPUT_TILE * chunks));
      writer.products(products, chunkOutputs, linearScratch);
      if (alone) compute.runJob(job, 0);
      else pool.run();
    },
    attention(attention) {
      const { rows, position } = attention;
      const work = rows * (position + rows) * heads.headCount * heads.headDim;
      const alone = !pool || work < LEAST_SHARED_WORK;
      writer.attention(attention, heads, alone ? rows : ATTENTION_ROWS, attentionScratch);
      if (alone) compute.runJob(job, 0);
      else pool.run();
    },
  };
}
