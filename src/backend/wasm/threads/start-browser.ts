import type { HelperInit } from "./control.mjs";
import { handOver } from "./hand-over.ts";

/** Starts a helper as a dedicated worker. Rejects where none may be had: no nested workers, or a policy forbids. */
export async function startBrowserHelper(init: HelperInit): Promise<void> {
  const worker = new Worker(new URL("./helper-browser.mjs", import.meta.url), {
    type: "module",
    name: "webmoe-helper",
  });
  return handOver(worker, init);
}
