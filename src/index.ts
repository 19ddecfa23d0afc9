/** The library's public face in a page: the engine runs in a dedicated worker. */
import { loadInWorker } from "./worker/client.ts";

export { type ErrorCode, WebMoEError } from "./api/errors.ts";
export type { ExpertSnapshot, MemoryInfo, ModelInfo, NumericProfile, Stats } from "./api/info.ts";
export type { Model } from "./api/model.ts";
export type {
  BackendChoice,
  ExpertBudget,
  GenerateOptions,
  LoadOptions,
  LoadProgress,
  ModelSource,
} from "./api/options.ts";
export type { GenerateResult, Token } from "./api/tokens.ts";

export const WebMoE = {
  /**
   * Opens a model and makes it ready to generate; routed experts arrive as tokens ask for them.
   *
   * Errors: every code of `ErrorCode` but `context-full`.
   */
  load: loadInWorker,
};
