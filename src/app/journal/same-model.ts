import type { ModelInfo } from "../../index.ts";
import { ChoiceError } from "../sources.ts";
import type { AnswerStart } from "./journal-store.ts";

/** Throws `ChoiceError` if this model would go on differently from the one that began an answer. */
export function checkSameModel(info: ModelInfo, start: AnswerStart): void {
  const { name, fileBytes } = start.model;
  if (info.name !== name || info.fileBytes !== fileBytes)
    throw new ChoiceError(`This answer was begun by ${name}. Choose that model, then continue.`);
  if (JSON.stringify(info.numerics) === JSON.stringify(start.numerics)) return;
  const { backend, activations } = start.numerics;
  throw new ChoiceError(
    `This answer was begun on ${backend === "webgpu" ? "WebGPU" : "WebAssembly"} with ${activations} activations, which ` +
      "compute other numbers than what is loaded now. Choose them under Settings, or regenerate the answer.",
  );
}
