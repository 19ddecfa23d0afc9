import type { GenerateOptions, GenerateResult, Model, ModelInfo, Prompt, Token } from "../../index.ts";
import { ChoiceError } from "../sources.ts";
import type { AnswerStart } from "./journal-store.ts";

/**
 * Goes on with an answer of which `known` tokens were written: yields those that follow. Tokens are a function of model,
 * prompt and options, so generating from the start meets the known ones again; a meeting that fails is an error, never
 * another text.
 *
 * Errors: those of `generate`; `ChoiceError` if the model says something else now.
 */
export async function* resumeAnswer(
  model: Model,
  promptIds: Prompt,
  options: GenerateOptions,
  known: readonly number[],
): AsyncGenerator<Token, GenerateResult, void> {
  const tokens = model.generate(promptIds, options);
  for (let count = 0; ; count++) {
    const step = await tokens.next();
    if (step.done) return step.value;
    if (count >= known.length) yield step.value;
    else if (step.value.id !== known[count]) await tokens.throw(anotherText());
  }
}

const anotherText = (): ChoiceError =>
  new ChoiceError(
    "The model no longer says what it said when this answer was cut off. Regenerate it instead.",
  );

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
