// @ts-check
/** What a helper thread does all its life: wait for a job, take chunks of it, wait again. */
import { ACTIVE, ENGINE_SLEEPS, FAILED, SLEEPERS, STATE, STOPPED } from "./control.mjs";

/** Looks at the state before sleep: some 50 µs, which most gaps between two jobs of a token are shorter than. */
const SPINS = 8_000;

/** Milliseconds of sleep after which a helper that `rests` leaves its thread to the event loop. */
const SLEEP = 100;

/**
 * Returns when it is told to stop. `ready` is called when it can be given jobs. One that `rests` can be ended at any
 * time that is not a job's: a browser takes two seconds to end a worker that sleeps, and keeps its memory meanwhile.
 * @param {import("./control.mjs").HelperInit} init
 * @param {() => void} ready
 * @param {{ rests: boolean }} options
 */
export async function help({ module, memory, control, job, halfTable, thread }, ready, { rests }) {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const compute = /** @type {import("./control.mjs").ComputeExports} */ (/** @type {unknown} */ (exports));
  compute.useHalfTable(halfTable);
  const waitAsync = rests ? asyncWait() : undefined;
  ready();
  let done = 0;
  let spins = 0;
  while (Atomics.load(control, STOPPED) === 0) {
    const state = Atomics.load(control, STATE);
    if (state % 2 !== 0 && state !== done) {
      Atomics.add(control, ACTIVE, 1);
      // What was open may be closed by now, or another job may be open: that one is then this one.
      done = Atomics.load(control, STATE);
      try {
        if (done % 2 !== 0) compute.runJob(job, thread);
      } catch {
        Atomics.store(control, FAILED, 1);
      }
      Atomics.sub(control, ACTIVE, 1);
      if (Atomics.load(control, ENGINE_SLEEPS) !== 0) Atomics.notify(control, ACTIVE);
      spins = 0;
    } else if (spins < SPINS) {
      spins++;
    } else {
      Atomics.add(control, SLEEPERS, 1);
      const woken = Atomics.wait(control, STATE, state, waitAsync ? SLEEP : Number.POSITIVE_INFINITY);
      if (woken === "timed-out" && waitAsync) await waitAsync(control, STATE, state).value;
      Atomics.sub(control, SLEEPERS, 1);
      spins = 0;
    }
  }
}

/** Atomics.waitAsync, which not every browser has. */
function asyncWait() {
  const { waitAsync } =
    /** @type {{ waitAsync?: (words: Int32Array, index: number, value: number) => { value: unknown } }} */ (
      /** @type {unknown} */ (Atomics)
    );
  return waitAsync;
}
