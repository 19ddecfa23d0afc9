/** The library's Node face: the same engine, in process, on the WASM backend. Sources may also be file paths. */
import type { Model } from "./api/model.ts";
import type { LoadOptions, ModelSource } from "./api/options.ts";
import { loadModel } from "./engine/engine.ts";
import { nodePlatform } from "./engine/node-platform.ts";

export * from "./api/index.ts";

export const WebMoE = {
  /**
   * Opens a model and makes it ready to generate.
   *
   * Errors: every code of `ErrorCode` but `context-full` and `device-lost`.
   */
  load: (source: ModelSource, options: LoadOptions = {}): Promise<Model> =>
    loadModel(source, options, nodePlatform()),
};
