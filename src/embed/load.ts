import { hasCode, WebMoEError } from "../api/errors.ts";
import type { Model } from "../api/model.ts";
import type { LoadOptions, ModelSource } from "../api/options.ts";
import { loadInWorker } from "../worker/client.ts";
import { startScript } from "../worker/start-script.ts";
import { requireWasm, watchPolicy } from "./policy.ts";
import workerText from "./worker.ts?script";

export type EmbedLoadOptions = Omit<LoadOptions, "workerUrl" | "wasmUrl">;

function start(): Worker {
  try {
    return startScript(workerText, "classic");
  } catch (cause) {
    // Some browsers throw what others report later.
    throw new WebMoEError("network", `The WebMoE worker could not be started: ${String(cause)}`, { cause });
  }
}

/**
 * Opens a model and makes it ready to generate, with a worker out of this script.
 *
 * Errors: every code of `ErrorCode` but `context-full`; `network` names the directive where the page's
 * Content-Security-Policy is in the way.
 */
export async function load(source: ModelSource, options: EmbedLoadOptions = {}): Promise<Model> {
  requireWasm();
  const policy = watchPolicy();
  try {
    return await loadInWorker(start, source, options);
  } catch (error) {
    const problem = hasCode(error, "network") ? await policy.workerProblem() : undefined;
    throw problem === undefined ? error : new WebMoEError("network", problem, { cause: error });
  } finally {
    policy.stop();
  }
}
