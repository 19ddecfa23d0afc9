/** The library's public face in a page: the engine runs in a dedicated worker. */
import type { ModelManager } from "./api/models.ts";
import { loadInWorker } from "./worker/client.ts";
import { managerInWorker } from "./worker/manager-client.ts";

export * from "./api/index.ts";

export const WebMoE = {
  /**
   * Opens a model and makes it ready to generate; routed experts arrive as tokens ask for them.
   *
   * Errors: every code of `ErrorCode` but `context-full`.
   */
  load: loadInWorker,
  /** The models stored in this browser: list, verify, repair, delete, export, import. */
  manageModels: (): ModelManager =>
    managerInWorker(
      () => new Worker(new URL("./worker/worker.ts", import.meta.url), { type: "module", name: "webmoe" }),
    ),
};
