// Work that threads share. A job is cut into chunks of outputs or of queries, never of a sum, so that who computes
// which chunk, and how many threads there are, changes no bit. Threads take chunks in ascending order from a counter:
// one that wakes late takes fewer, and nobody waits for one that took none.
//
// A job in memory, words of 32 bits (`src/backend/wasm/job.ts` writes it):
//
//   +0    next chunk, in a cache line of its own
//   +64   products (0: attention), outputs or rows a chunk, scratch, bytes of it a thread,
//         attention's q, rows, position, headCount, kvHeadCount, headDim, scale, pageTable, out
//   +128  products, 64 bytes each: the parameters of `linear` up to residual, outputs, and the address of a product
//         of the same shape that is its gate (0: none), the result being silu(gate) · product
import { attention } from "./attention";
import { siluMul } from "./experts";
import { linear } from "./linear";

const HEADER: usize = 64;
const PRODUCTS: usize = 128;
const PRODUCT_BYTES: usize = 64;
const OUTPUTS: usize = 56;
const GATE: usize = 60;

// Takes chunks until none is left.
export function runJob(job: usize, thread: usize): void {
  const scratch = <usize>load<u32>(job, HEADER + 8) + thread * load<u32>(job, HEADER + 12);
  if (load<u32>(job, HEADER) == 0) runAttention(job, scratch);
  else runProducts(job, scratch);
}

function takeChunk(job: usize): usize {
  if (ASC_FEATURE_THREADS) return atomic.add<u32>(job, 1);
  const chunk = load<u32>(job);
  store<u32>(job, chunk + 1);
  return chunk;
}

function runProducts(job: usize, scratch: usize): void {
  const last = job + PRODUCTS + load<u32>(job, HEADER) * PRODUCT_BYTES;
  const chunkOutputs = <usize>load<u32>(job, HEADER + 4);
  let product = job + PRODUCTS;
  let before: usize = 0;
  let outputs = <usize>load<u32>(product, OUTPUTS);
  for (;;) {
    const chunk = takeChunk(job);
    let start = (chunk - before) * chunkOutputs;
    while (start >= outputs) {
      before += (outputs + chunkOutputs - 1) / chunkOutputs;
      product += PRODUCT_BYTES;
      if (product == last) return;
      start = (chunk - before) * chunkOutputs;
      outputs = load<u32>(product, OUTPUTS);
    }
    const end = min(start + chunkOutputs, outputs);
    const gate = <usize>load<u32>(product, GATE);
    if (gate) linearOf(gate, scratch, start, end);
    linearOf(product, scratch, start, end);
    if (gate) activate(gate, product, start, end);
  }
}

function linearOf(product: usize, scratch: usize, start: usize, end: usize): void {
  linear(
    load<u32>(product),
    load<u32>(product, 4),
    load<u32>(product, 8),
    load<u32>(product, 12),
    load<u32>(product, 16),
    load<u32>(product, 20),
    load<u32>(product, 24),
    load<u32>(product, 28),
    load<u32>(product, 32),
    load<u32>(product, 36),
    load<u32>(product, 40),
    load<u32>(product, 44),
    load<f32>(product, 48),
    load<u32>(product, 52),
    scratch,
    start,
    end,
  );
}

// Outputs [start, end), a multiple of 4 of them, of all rows: product = silu(gate) · product.
function activate(gate: usize, product: usize, start: usize, end: usize): void {
  const rows = load<u32>(product, 32);
  let from = <usize>load<u32>(gate, 36) + (start << 2);
  let out = <usize>load<u32>(product, 36) + (start << 2);
  for (let row: u32 = 0; row < rows; row++) {
    siluMul(from, out, end - start, out);
    from += load<u32>(gate, 40);
    out += load<u32>(product, 40);
  }
}

// A chunk is some rows of one kv head.
function runAttention(job: usize, scratch: usize): void {
  const q = <usize>load<u32>(job, HEADER + 16);
  const rows = <usize>load<u32>(job, HEADER + 20);
  const headCount = <usize>load<u32>(job, HEADER + 28);
  const kvHeadCount = <usize>load<u32>(job, HEADER + 32);
  const headDim = <usize>load<u32>(job, HEADER + 36);
  const out = <usize>load<u32>(job, HEADER + 48);
  const rowBytes = (headCount * headDim) << 2;
  const chunkRows = <usize>load<u32>(job, HEADER + 4);
  const chunks = ((rows + chunkRows - 1) / chunkRows) * kvHeadCount;
  for (let chunk = takeChunk(job); chunk < chunks; chunk = takeChunk(job)) {
    const kvHead = chunk % kvHeadCount;
    const row = (chunk / kvHeadCount) * chunkRows;
    attention(
      q + row * rowBytes,
      min(chunkRows, rows - row),
      load<u32>(job, HEADER + 24) + row,
      headCount,
      kvHeadCount,
      headDim,
      load<f32>(job, HEADER + 40),
      load<u32>(job, HEADER + 44),
      out + row * rowBytes,
      scratch,
      kvHead,
      kvHead + 1,
    );
  }
}
