import { WebMoEError } from "../api/errors.ts";

/** Work that a worker does for others, all of which fails with it. */
export interface Calls {
  /** As `work` ends, or fails once the calls have. */
  <T>(work: Promise<T>): Promise<T>;
  /** Fails the calls under way and those to come. */
  fail(error: WebMoEError): void;
}

/**
 * Calls to `worker`. Error: `network` when its script cannot be run.
 *
 * A set of those who wait, because `Promise.race` with a promise that never settles keeps every call for as long as
 * the worker lives.
 */
export function workerCalls(worker: Pick<Worker, "addEventListener">): Calls {
  const waiting = new Set<(error: WebMoEError) => void>();
  let failure: WebMoEError | undefined;
  const call = <T>(work: Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      waiting.add(reject);
      const end = <V>(settle: (value: V) => void) => {
        return (value: V): void => {
          waiting.delete(reject);
          settle(value);
        };
      };
      work.then(end(resolve), end(reject));
      if (failure) reject(failure);
    });
  const fail = (error: WebMoEError): void => {
    failure ??= error;
    for (const reject of waiting) reject(failure);
    waiting.clear();
  };
  worker.addEventListener("error", (event) => {
    const detail =
      event.message || "its script could not be loaded; check its URL and the page's worker-src policy";
    fail(new WebMoEError("network", `The WebMoE worker failed: ${detail}`));
  });
  return Object.assign(call, { fail });
}
