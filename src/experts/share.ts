import { onAbort } from "./on-abort.ts";
import { abortedError } from "./source/checks.ts";

/**
 * How much a piece of work is wanted, as of now: a prefetch becomes demand when a pass comes to need it. Read
 * whenever there is something to choose, never copied.
 */
export interface Urgency {
  demand: boolean;
}

export interface Sharing<T> {
  /**
   * Joins the run of `key`, or starts it. The run's signal fires when its last caller has left through the
   * caller's own signal.
   */
  share(
    key: string,
    demand: boolean,
    signal: AbortSignal | undefined,
    start: (urgency: Urgency, signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  /** Ends every run with `aborted`. */
  abortAll(): void;
}

interface Run<T> {
  readonly urgency: Urgency;
  readonly controller: AbortController;
  readonly result: Promise<T>;
  callers: number;
}

/** Concurrent callers of one key share one run. */
export function createSharing<T>(): Sharing<T> {
  const runs = new Map<string, Run<T>>();

  function begin(key: string, start: (urgency: Urgency, signal: AbortSignal) => Promise<T>): Run<T> {
    const urgency = { demand: false };
    const controller = new AbortController();
    const result = start(urgency, controller.signal).finally(() => {
      if (runs.get(key) === run) runs.delete(key);
    });
    const run: Run<T> = { urgency, controller, result, callers: 0 };
    runs.set(key, run);
    return run;
  }

  return {
    share(key, demand, signal, start) {
      if (signal?.aborted) return Promise.reject(abortedError());
      const run = runs.get(key) ?? begin(key, start);
      if (demand) run.urgency.demand = true;
      run.callers++;
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          reject(abortedError());
          if (--run.callers > 0) return;
          if (runs.get(key) === run) runs.delete(key);
          run.controller.abort();
        };
        const unlink = onAbort(signal, leave);
        run.result.then(resolve, reject).finally(unlink);
      });
    },
    abortAll() {
      for (const run of runs.values()) run.controller.abort();
      runs.clear();
    },
  };
}
