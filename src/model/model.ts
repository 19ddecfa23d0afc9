import { compilePlan } from "./architectures/index.ts";
import type { GgufHeader } from "./gguf/parse.ts";
import { joinFiles, type ModelFile } from "./model-file.ts";
import type { ForwardPlan } from "./plan.ts";

/** What the header says of a model. */
export interface ModelDescription {
  readonly file: ModelFile;
  readonly plan: ForwardPlan;
  readonly name: string;
  readonly license: string | undefined;
  readonly parameterCount: number;
  /** Quantisation name → tensors that use it. */
  readonly quantizations: Readonly<Record<string, number>>;
}

/**
 * Compiles the headers of a model's files (one, or all of a split GGUF in any order).
 *
 * Errors: `unsupported-architecture`, `unsupported-quantization`, `bad-gguf`; all before any weight is fetched.
 */
export function describeModel(headers: readonly GgufHeader[]): ModelDescription {
  const file = joinFiles(headers);
  const plan = compilePlan(file);
  const quantizations: Record<string, number> = {};
  let parameterCount = 0;
  for (const { type, shape } of file.tensors.values()) {
    quantizations[type] = (quantizations[type] ?? 0) + 1;
    parameterCount += shape.reduce((product, extent) => product * extent, 1);
  }
  return {
    file,
    plan,
    parameterCount,
    quantizations,
    name: file.metadata.optionalString("general.name") ?? plan.architecture,
    license: file.metadata.optionalString("general.license"),
  };
}
