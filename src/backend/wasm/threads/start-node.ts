import { Worker } from "node:worker_threads";
import type { HelperInit } from "./control.mjs";

/** Starts a helper as a worker thread, which does not keep the process alive. */
export function startNodeHelper(init: HelperInit): Promise<void> {
  const worker = new Worker(new URL("./helper-node.mjs", import.meta.url), { workerData: init });
  return new Promise<void>((resolve, reject) => {
    worker.once("message", () => {
      worker.unref();
      resolve();
    });
    worker.once("error", reject);
  });
}
