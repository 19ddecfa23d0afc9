import { Worker } from "node:worker_threads";
import type { HelperInit } from "./job.mjs";
import type { Helper } from "./pool.ts";

/** Starts a helper as a worker thread, which does not keep the process alive. */
export function startNodeHelper(init: HelperInit): Helper {
  const worker = new Worker(new URL("./helper-node.mjs", import.meta.url), { workerData: init });
  const ready = new Promise<void>((resolve, reject) => {
    worker.once("message", () => {
      worker.unref();
      resolve();
    });
    worker.once("error", reject);
  });
  return { ready, terminate: () => void worker.terminate() };
}
