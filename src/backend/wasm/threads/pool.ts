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

/** A thread that runs `help` of helper.mjs. */
export interface Helper {
  /** Settles when the helper waits for jobs, or cannot. */
  readonly ready: Promise<void>;
  terminate(): void;
}

/** May throw. */
export type StartHelper = (init: HelperInit) => Helper;

export interface Pool {
  /** The engine's thread included. */
  readonly threads: number;
  /** Runs a job to its end; arguments as in `describe`. */
  run(shape: Parameters<typeof describe>[1], kernelArguments: readonly number[]): void;
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

function settled(helpers: readonly Helper[]): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("a helper did not start in time")), START_LIMIT);
  });
  return Promise.race([Promise.all(helpers.map(({ ready }) => ready)), late]).finally(() =>
    clearTimeout(timer),
  );
}

/** Starts `threads − 1` helpers. Undefined if not all of them can be had. */
export async function createPool(options: PoolOptions): Promise<Pool | undefined> {
  const { compute, threads, start, module, memory, halfTable } = options;
  const buffer = createJobBuffer();
  const job = jobIn(buffer);
  const { control } = job;
  const helpers: Helper[] = [];
  const dispose = (): void => {
    // A browser takes seconds to end a worker that sleeps, so they are asked to return first.
    Atomics.store(control, STOPPED, 1);
    Atomics.add(control, STATE, 2);
    Atomics.notify(control, STATE);
    for (const helper of helpers) helper.terminate();
  };
  try {
    for (let thread = 1; thread < threads; thread++)
      helpers.push(start({ module, memory, halfTable, thread, job: buffer }));
    await settled(helpers);
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
