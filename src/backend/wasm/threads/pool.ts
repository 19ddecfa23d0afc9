import type { ComputeExports } from "../../../wasm/compute.ts";
import {
  ACTIVE,
  createJobBuffer,
  describe,
  FAILED,
  type HelperInit,
  jobIn,
  STATE,
  STOPPED,
  takeChunks,
} from "./job.mjs";

/**
 * Starts a thread that runs `help` of helper.mjs. Resolves when it waits for jobs; rejects or throws where it cannot.
 * Nobody ends the thread: it ends when it has been told to stop, at the latest with the one that started it.
 */
export type StartHelper = (init: HelperInit) => Promise<void>;

export interface Pool {
  /** The engine's thread included. */
  readonly threads: number;
  /** Runs a job to its end; arguments as in `describe`. */
  run(shape: Parameters<typeof describe>[1], kernelArguments: readonly number[]): void;
  /** Helpers return as soon as they run. No job may follow. */
  dispose(): void;
}

export interface PoolOptions extends Omit<HelperInit, "job" | "thread"> {
  /** The engine's own instance on the same memory. */
  readonly compute: ComputeExports;
  /** At least 2. */
  readonly threads: number;
  readonly start: StartHelper;
}

/** Milliseconds a helper may take to start before the engine goes on without helpers. */
const START_LIMIT = 10_000;

/** Looks at `ACTIVE` before the engine's thread sleeps until the last helper is done. */
const SPINS = 2_000;

function inTime(ready: readonly Promise<void>[]): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("a helper did not start in time")), START_LIMIT);
  });
  return Promise.race([Promise.all(ready), late]).finally(() => clearTimeout(timer));
}

/** Starts `threads − 1` helpers. Undefined if not all of them can be had. */
export async function createPool(options: PoolOptions): Promise<Pool | undefined> {
  const { compute, threads, start, module, memory, halfTable } = options;
  const buffer = createJobBuffer();
  const job = jobIn(buffer);
  const { control } = job;
  // Told, not terminated: Chromium never finishes ending a worker that is to end while one below it is ending, and
  // the engine's worker ends right after this. A helper that starts late finds that it was told.
  const dispose = (): void => {
    Atomics.store(control, STOPPED, 1);
    Atomics.add(control, STATE, 2);
    Atomics.notify(control, STATE);
  };
  try {
    const ready = Array.from({ length: threads - 1 }, async (_, i) =>
      start({ module, memory, halfTable, thread: i + 1, job: buffer }),
    );
    await inTime(ready);
  } catch (error) {
    console.warn("WebMoE: no helper threads here; computing on one thread.", error);
    dispose();
    return undefined;
  }

  const waitForHelpers = (): void => {
    for (let spins = 0; ; spins++) {
      const active = Atomics.load(control, ACTIVE);
      if (active === 0) return;
      if (spins >= SPINS) Atomics.wait(control, ACTIVE, active);
    }
  };

  return {
    threads,
    run(shape, kernelArguments) {
      // A helper that came late to the last job may be on its way out.
      waitForHelpers();
      describe(job, shape, kernelArguments);
      Atomics.add(control, STATE, 1);
      Atomics.notify(control, STATE);
      try {
        takeChunks(job, compute, 0);
      } finally {
        Atomics.add(control, STATE, 1);
        waitForHelpers();
      }
      if (Atomics.load(control, FAILED) !== 0) throw new Error("A helper thread failed in a kernel.");
    },
    dispose,
  };
}
