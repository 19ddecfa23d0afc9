/** The library's public face in a page: the engine runs in a dedicated worker. */
import type { Model } from "./api/model.ts";
import type { ModelManager } from "./api/models.ts";
import type { LoadOptions, ModelSource } from "./api/options.ts";
import { loadInWorker } from "./worker/client.ts";
import { managerInWorker } from "./worker/manager-client.ts";
import { startWorker } from "./worker/start.ts";

export * from "./api/index.ts";

export const WebMoE = {
  /**
   * Opens a model and makes it ready to generate; routed experts arrive as tokens ask for them.
   *
   * Errors: every code of `ErrorCode` but `context-full`.
   */
  load: (source: ModelSource, options: LoadOptions = {}): Promise<Model> =>
    loadInWorker(startWorker, source, options),
  /** The models stored in this browser: list, verify, repair, delete, export, import. */
  manageModels: (options: Pick<LoadOptions, "workerUrl" | "wasmUrl"> = {}): ModelManager =>
    managerInWorker(startWorker, options),
};
