import type { HelperInit } from "./control.mjs";

/** Starts a helper as a dedicated worker. Rejects where none may be had: no nested workers, or a policy forbids. */
export function startBrowserHelper(init: HelperInit): Promise<void> {
  const worker = new Worker(new URL("./helper-browser.mjs", import.meta.url), {
    type: "module",
    name: "webmoe-helper",
  });
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
