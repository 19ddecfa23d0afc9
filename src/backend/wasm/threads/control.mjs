// @ts-check
/**
 * What the engine and its helpers tell each other, in memory that all of them see. Plain JavaScript, as are the
 * helpers, because Node runs them from source in unit tests. The job itself lies in compute.wasm's memory
 * (`asm/compute/job.ts`).
 *
 * `STATE` is odd while a job is open. A helper enters `ACTIVE` before it looks at `STATE`, the engine closes the job
 * before it looks at `ACTIVE`: either the helper sees a closed job and leaves, or the engine sees the helper and
 * waits. So a job is never written while somebody reads it. Likewise one who sleeps enters `SLEEPERS` before its wait
 * looks at the state, and who changed the state looks at `SLEEPERS` after: waking costs only where somebody sleeps.
 */

/** Indices into the control words, each in a cache line of its own. */
export const STATE = 0;
export const ACTIVE = 16;
export const SLEEPERS = 32;
/** 1 while the engine sleeps until nobody is active. */
export const ENGINE_SLEEPS = 48;
export const FAILED = 64;
export const STOPPED = 80;
const WORDS = 96;

/**
 * @typedef {import("../../../wasm/compute.ts").ComputeExports} ComputeExports
 *
 * @typedef {object} HelperInit what a helper is told when it starts
 * @property {WebAssembly.Module} module compute.wasm with shared memory
 * @property {WebAssembly.Memory} memory
 * @property {Int32Array<SharedArrayBuffer>} control
 * @property {number} job address of the job
 * @property {number} halfTable address of the table of halves
 * @property {number} thread from 1 on; the engine is thread 0
 */

/** @returns {Int32Array<SharedArrayBuffer>} */
export function createControl() {
  return new Int32Array(new SharedArrayBuffer(WORDS * 4));
}
