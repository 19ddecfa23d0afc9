import type { ComputeExports } from "../../../wasm/compute.ts";
import {
  ACTIVE,
  createControl,
  ENGINE_SLEEPS,
  FAILED,
  type HelperInit,
  SLEEPERS,
  STATE,
  STOPPED,
} from "./control.mjs";

/**
 * Starts a thread that runs `help` of helper.mjs. Resolves when it waits for jobs; rejects or throws where it cannot.
 * Nobody ends the thread: it ends when it has been told to stop, at the latest with the one that started it.
 */
export type StartHelper = (init: HelperInit) => Promise<void>;

export interface Pool {
  /** The engine's thread included. */
  readonly threads: number;
  /** Runs the job as it is written, to its end. Nobody reads it between runs. */
  run(): void;
  /** Helpers return as soon as they run. No job may follow. */
  dispose(): void;
}

export interface PoolOptions extends Omit<HelperInit, "control" | "thread"> {
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
  const { compute, threads, start, module, memory, halfTable, job } = options;
  const control = createControl();
  // Told, not terminated: Chromium never finishes ending a worker that is to end while one below it is ending, and
  // the engine's worker ends right after this. A helper that starts late finds that it was told.
  const dispose = (): void => {
    Atomics.store(control, STOPPED, 1);
    Atomics.add(control, STATE, 2);
    Atomics.notify(control, STATE);
  };
  try {
    const ready = Array.from({ length: threads - 1 }, async (_, i) =>
      start({ module, memory, control, job, halfTable, thread: i + 1 }),
    );
    await inTime(ready);
  } catch (error) {
    console.warn("WebMoE: no helper threads here; computing on one thread.", error);
    dispose();
    return undefined;
  }

  const settle = (): void => {
    for (let spins = 0; ; spins++) {
      const active = Atomics.load(control, ACTIVE);
      if (active === 0) return;
      if (spins < SPINS) continue;
      Atomics.store(control, ENGINE_SLEEPS, 1);
      Atomics.wait(control, ACTIVE, active);
      Atomics.store(control, ENGINE_SLEEPS, 0);
    }
  };

  return {
    threads,
    run() {
      Atomics.add(control, STATE, 1);
      if (Atomics.load(control, SLEEPERS) !== 0) Atomics.notify(control, STATE);
      try {
        compute.runJob(job, 0);
      } finally {
        Atomics.add(control, STATE, 1);
        settle();
      }
      if (Atomics.load(control, FAILED) !== 0) throw new Error("A helper thread failed in a kernel.");
    },
    dispose,
  };
}
