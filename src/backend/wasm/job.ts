import { CHUNK_ROWS } from "../backend.ts";
import type { Arena } from "./arena.ts";
import type { Matrix } from "./matrices.ts";

/** What a product reads and where it writes, as addresses; rows of out are `outStride` bytes apart. */
export interface Operands {
  readonly matrix: Matrix;
  readonly x: number;
  /** Bytes from one row of x to the next; the default is those of f32 rows. */
  readonly xStride?: number;
  readonly out: number;
}

/** out = [residual +] scale · (x · Wᵀ [+ bias]), or silu(gate) · that. */
export interface Product extends Operands {
  readonly rows: number;
  readonly outStride: number;
  readonly bias?: number;
  readonly scale?: number;
  /** Rows as far apart as those of out. */
  readonly residual?: number;
  /** Of the same rows, stride and number of outputs, which are a multiple of 4. */
  readonly gate?: Operands;
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

export interface Heads {
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headDim: number;
}

/** Thread i's scratch is at address + i · bytes. */
export interface Scratch {
  readonly address: number;
  readonly bytes: number;
}

/** Writes a job where and as `runJob` reads it (`asm/compute/job.ts`). */
export interface JobWriter {
  /** At most MOST_PRODUCTS. */
  products(products: readonly Product[], chunkOutputs: number, scratch: Scratch): void;
  attention(attention: Attention, heads: Heads, chunkRows: number, scratch: Scratch): void;
}

/** Products of a job: as many as a chunk of rows can have experts. */
export const MOST_PRODUCTS = CHUNK_ROWS;

/** Indices of words. */
const NEXT = 0;
const HEADER = 16;
const PRODUCTS = 32;
const PRODUCT_WORDS = 16;

/** Each product may have a gate, which is written after the products. */
export const JOB_BYTES = (PRODUCTS + 2 * MOST_PRODUCTS * PRODUCT_WORDS) * 4;

export function createJobWriter(arena: Arena, address: number): JobWriter {
  let words = arena.words(address, JOB_BYTES / 4);
  let floats = arena.floats(address, JOB_BYTES / 4);

  const begin = (products: number, chunk: number, scratch: Scratch): void => {
    // Memory that is not shared moves when it grows, and its views with it.
    if (words.length === 0) {
      words = arena.words(address, JOB_BYTES / 4);
      floats = arena.floats(address, JOB_BYTES / 4);
    }
    words[NEXT] = 0;
    words[HEADER] = products;
    words[HEADER + 1] = chunk;
    words[HEADER + 2] = scratch.address;
    words[HEADER + 3] = scratch.bytes;
  };

  const writeProduct = (
    at: number,
    { matrix, x, xStride = matrix.cols * 4, out }: Operands,
    { rows, outStride, bias = 0, scale = 1, residual = 0 }: Omit<Product, keyof Operands>,
    gate: number,
  ): void => {
    const { planes } = matrix;
    words[at] = matrix.type;
    words[at + 1] = planes[0];
    words[at + 2] = planes[1];
    words[at + 3] = planes[2];
    words[at + 4] = planes[3];
    words[at + 5] = matrix.cols;
    words[at + 6] = x;
    words[at + 7] = xStride;
    words[at + 8] = rows;
    words[at + 9] = out;
    words[at + 10] = outStride;
    words[at + 11] = bias;
    floats[at + 12] = scale;
    words[at + 13] = residual;
    words[at + 14] = matrix.rows;
    words[at + 15] = gate;
  };

  return {
    products(products, chunkOutputs, scratch) {
      begin(products.length, chunkOutputs, scratch);
      products.forEach((product, i) => {
        const at = PRODUCTS + i * PRODUCT_WORDS;
        const { gate, rows, outStride } = product;
        const gateAt = at + products.length * PRODUCT_WORDS;
        if (gate) writeProduct(gateAt, gate, { rows, outStride }, 0);
        writeProduct(at, product, product, gate ? address + gateAt * 4 : 0);
      });
    },
    attention({ q, rows, position, scale, pageTable, out }, heads, chunkRows, scratch) {
      begin(0, chunkRows, scratch);
      words[HEADER + 4] = q;
      words[HEADER + 5] = rows;
      words[HEADER + 6] = position;
      words[HEADER + 7] = heads.headCount;
      words[HEADER + 8] = heads.kvHeadCount;
      words[HEADER + 9] = heads.headDim;
      floats[HEADER + 10] = scale;
      words[HEADER + 11] = pageTable;
      words[HEADER + 12] = out;
    },
  };
}
