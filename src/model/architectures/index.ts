import { WebMoEError } from "../../api/errors.ts";
import type { ModelFile } from "../model-file.ts";
import type { ForwardPlan } from "../plan.ts";
import { compileQwen3Moe } from "./qwen3moe.ts";

/** `general.architecture` → its compiler. The one table of architectures. */
const ARCHITECTURES: Readonly<Record<string, (file: ModelFile) => ForwardPlan>> = {
  qwen3moe: compileQwen3Moe,
};

/** Errors: `unsupported-architecture`, `bad-gguf`, `unsupported-quantization`; each names the key or tensor. */
export function compilePlan(file: ModelFile): ForwardPlan {
  const architecture = file.metadata.string("general.architecture");
  const compile = Object.hasOwn(ARCHITECTURES, architecture) ? ARCHITECTURES[architecture] : undefined;
  if (!compile)
    throw new WebMoEError(
      "unsupported-architecture",
      `The model's architecture is ${architecture}; this version runs ${Object.keys(ARCHITECTURES).join(", ")}.`,
    );
  return compile(file);
}
