import { WebMoEError } from "../api/errors.ts";
import { startScript } from "./start-script.ts";

/**
 * Starts the engine's worker: the script beside this one, or the one at `workerUrl`.
 *
 * Bundlers know the first form, word for word, and put the worker's files where they belong. A worker's script must be
 * of the page's own origin; one from elsewhere is imported by a script of ours that is.
 *
 * Errors: `network` if the browser refuses to start it.
 */
export function startWorker(workerUrl: string | undefined): Worker {
  try {
    if (workerUrl === undefined)
      return new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "webmoe" });
    const url = new URL(workerUrl);
    if (url.origin === location.origin || !/^https?:$/.test(url.protocol))
      return new Worker(url, { type: "module", name: "webmoe" });
    return startScript(`import ${JSON.stringify(url.href)};`, "module");
  } catch (cause) {
    throw new WebMoEError("network", `The WebMoE worker could not be started: ${String(cause)}`, { cause });
  }
}
