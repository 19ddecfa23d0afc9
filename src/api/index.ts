/** The types and the error class that both faces of the library export. */
export { type ErrorCode, WebMoEError } from "./errors.ts";
export type { ExpertSnapshot, MemoryInfo, ModelInfo, NumericProfile, Stats, Trace } from "./info.ts";
export type { Message, Role } from "./messages.ts";
export type { Model, Prompt } from "./model.ts";
export type * from "./models.ts";
export type { Notice } from "./notice.ts";
export type {
  BackendChoice,
  EvictionPolicy,
  ExpertBudget,
  ExpertPrediction,
  GenerateOptions,
  LoadOptions,
  LoadProgress,
  ModelSource,
  OnMiss,
  SlotShares,
} from "./options.ts";
export type { GenerateResult, Token } from "./tokens.ts";
