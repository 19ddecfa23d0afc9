import type { HelperInit } from "./control.mjs";

/** Gives a helper's worker what it works on. Rejects where it cannot run: a policy forbids its script. */
export function handOver(worker: Worker, init: HelperInit): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    worker.addEventListener("message", () => resolve(), { once: true });
    worker.addEventListener("error", (event) => {
      // Otherwise it would be reported as an error of the worker above, which goes on without it.
      event.preventDefault();
      reject(new Error(event.message || "a helper's script could not be run"));
    });
  });
  worker.postMessage(init);
  return ready;
}
