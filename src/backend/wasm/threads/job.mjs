// @ts-check
/**
 * One kernel call shared by threads, as it lies in memory that all of them see. Plain JavaScript, as are the helpers,
 * because Node runs them from source in unit tests.
 *
 * A job is cut into chunks of output rows or kv heads, never of a sum, so that who computes which chunk, and how many
 * threads there are, changes no bit. Threads take chunks from a counter: one that wakes late takes fewer, and nobody
 * waits for one that took none.
 *
 * `STATE` is odd while a job is open. A helper enters `ACTIVE` before it looks at `STATE`, the engine closes the job
 * before it looks at `ACTIVE`: either the helper sees a closed job and leaves, or the engine sees the helper and
 * waits. So arguments are never written while somebody reads them.
 */

/** Indices into the control words, each in a cache line of its own. */
export const STATE = 0;
export const NEXT = 16;
export const ACTIVE = 32;
export const FAILED = 48;
export const STOPPED = 64;
const CONTROL_BYTES = 320;

/** Indices into the arguments; those of the kernel follow. */
const KERNEL = 0;
const CHUNKS = 1;
const CHUNK_UNITS = 2;
const UNITS = 3;
/** Thread i has its scratch at SCRATCH + i · SCRATCH_BYTES. */
const SCRATCH = 4;
const SCRATCH_BYTES = 5;
const FIRST = 6;
const ARGUMENT_COUNT = 24;

export const LINEAR = 0;
export const ATTENTION = 1;

/**
 * @typedef {import("../../../wasm/compute.ts").ComputeExports} ComputeExports
 * @typedef {object} Job
 * @property {Int32Array<SharedArrayBuffer>} control
 * @property {Float64Array<SharedArrayBuffer>} args f64 holds every address, count and f32
 *
 * @typedef {object} HelperInit what a helper is told when it starts
 * @property {WebAssembly.Module} module compute.wasm with shared memory
 * @property {WebAssembly.Memory} memory
 * @property {SharedArrayBuffer} job
 * @property {number} halfTable address of the table of halves
 * @property {number} thread from 1 on; the engine is thread 0
 */

/** @returns {SharedArrayBuffer} */
export function createJobBuffer() {
  return new SharedArrayBuffer(CONTROL_BYTES + ARGUMENT_COUNT * 8);
}

/**
 * @param {SharedArrayBuffer} buffer
 * @returns {Job}
 */
export function jobIn(buffer) {
  return {
    control: new Int32Array(buffer, 0, CONTROL_BYTES / 4),
    args: new Float64Array(buffer, CONTROL_BYTES, ARGUMENT_COUNT),
  };
}

/**
 * Describes the next job. Only while no job is open and nobody is active.
 * @param {Job} job
 * @param {{ kernel: number, units: number, chunkUnits: number, scratch: number, scratchBytes: number }} shape
 *   `units`: output rows or kv heads in all
 * @param {readonly number[]} kernelArguments in the kernel's order, up to its scratch
 */
export function describe({ control, args }, shape, kernelArguments) {
  args[KERNEL] = shape.kernel;
  args[CHUNKS] = Math.ceil(shape.units / shape.chunkUnits);
  args[CHUNK_UNITS] = shape.chunkUnits;
  args[UNITS] = shape.units;
  args[SCRATCH] = shape.scratch;
  args[SCRATCH_BYTES] = shape.scratchBytes;
  for (let i = 0; i < kernelArguments.length; i++)
    args[FIRST + i] = /** @type {number} */ (kernelArguments[i]);
  Atomics.store(control, NEXT, 0);
}

/**
 * Computes chunks of the open job until none is left.
 * @param {Job} job
 * @param {ComputeExports} compute
 * @param {number} thread
 */
export function takeChunks({ control, args }, compute, thread) {
  /** @type {(index: number) => number} */
  const at = (index) => /** @type {number} */ (args[index]);
  const chunks = at(CHUNKS);
  const scratch = at(SCRATCH) + thread * at(SCRATCH_BYTES);
  for (let chunk = Atomics.add(control, NEXT, 1); chunk < chunks; chunk = Atomics.add(control, NEXT, 1)) {
    const start = chunk * at(CHUNK_UNITS);
    const end = Math.min(start + at(CHUNK_UNITS), at(UNITS));
    if (at(KERNEL) === LINEAR) {
      compute.linear(
        at(FIRST),
        at(FIRST + 1),
        at(FIRST + 2),
        at(FIRST + 3),
        at(FIRST + 4),
        at(FIRST + 5),
        at(FIRST + 6),
        at(FIRST + 7),
        at(FIRST + 8),
        at(FIRST + 9),
        at(FIRST + 10),
        at(FIRST + 11),
        at(FIRST + 12),
        at(FIRST + 13),
        scratch,
        start,
        end,
      );
    } else {
      compute.attention(
        at(FIRST),
        at(FIRST + 1),
        at(FIRST + 2),
        at(FIRST + 3),
        at(FIRST + 4),
        at(FIRST + 5),
        at(FIRST + 6),
        at(FIRST + 7),
        at(FIRST + 8),
        scratch,
        start,
        end,
      );
    }
  }
}
