/** The library's public face in a page: the engine runs in a dedicated worker. */
import { loadInWorker } from "./worker/client.ts";

export * from "./api/index.ts";

export const WebMoE = {
  /**
   * Opens a model and makes it ready to generate; routed experts arrive as tokens ask for them.
   *
   * Errors: every code of `ErrorCode` but `context-full`.
   */
  load: loadInWorker,
};
