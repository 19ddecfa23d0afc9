/**
 * `tokenizer.chat_template` of a model file: a Jinja program that writes messages as the text the model was trained
 * on. It is hostile input like the rest of the file, so it renders under bounds and without a clock.
 */
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";
import { WebMoEError } from "../api/errors.ts";
import type { Message } from "../api/messages.ts";

/** Far above what published templates take: the longest are near 20,000 characters, and a message takes about 100 steps. */
const MAX_TEMPLATE_LENGTH = 1 << 20;
const MAX_STEPS = 100_000;
const MAX_STEPS_A_MESSAGE = 2_000;
const MAX_ITEMS = 10_000;
/** Characters of any one string, beside what the messages themselves hold. */
const MAX_TEXT_LENGTH = 1 << 22;
/** Characters of all strings that steps come to: what bounds the time of steps on long strings. */
const MAX_CHARACTERS = 1 << 27;

export interface TemplateVariables {
  readonly messages: readonly Message[];
  /** Text of the tokens; empty where the vocabulary has none. */
  readonly bosToken: string;
  readonly eosToken: string;
  /** Ends with what makes the assistant speak. */
  readonly addGenerationPrompt: boolean;
}

export interface ChatTemplate {
  /**
   * The conversation as text.
   *
   * Errors: `invalid-argument` if the template refuses these messages, `bad-gguf` if it fails or passes its bounds.
   */
  render(variables: TemplateVariables): string;
}

const broken = (why: string, cause?: unknown): WebMoEError =>
  new WebMoEError(
    "bad-gguf",
    `The model's chat template (tokenizer.chat_template) cannot be used: ${why}. Give a text prompt in the model's own format instead.`,
    { cause },
  );

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Names that templates may rely on; of Jinja's globals only those without side effects. */
function globals(variables: TemplateVariables): Record<string, unknown> {
  return {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    // Said to be there and empty, as the reference renderer says it.
    tools: null,
    documents: null,
    bos_token: variables.bosToken,
    eos_token: variables.eosToken,
    add_generation_prompt: variables.addGenerationPrompt,
    messages: variables.messages.map(({ role, content }) => ({ role, content })),
    raise_exception(reason: unknown) {
      throw new WebMoEError(
        "invalid-argument",
        `The model's chat template refuses these messages: ${String(reason)}`,
      );
    },
    range(start: number, stop?: number, step = 1) {
      const [from, to] = stop === undefined ? [0, start] : [start, stop];
      const count = Math.max(0, Math.ceil((to - from) / step));
      if (!(count <= MAX_ITEMS)) throw broken(`it asks for a range of ${count} numbers`);
      return Array.from({ length: count }, (_, index) => from + index * step);
    },
  };
}

/** Jinja's interpreter, with every step counted and every value measured. */
function boundedInterpreter(environment: Environment, messages: readonly Message[]): Interpreter {
  const written = messages.reduce((sum, { content }) => sum + content.length, 0);
  const maxSteps = MAX_STEPS + MAX_STEPS_A_MESSAGE * messages.length;
  const maxItems = MAX_ITEMS + 2 * messages.length;
  const interpreter = new Interpreter(environment);
  const evaluate = interpreter.evaluate.bind(interpreter);
  const maxLength = MAX_TEXT_LENGTH + 2 * written;
  let stepsLeft = maxSteps;
  let charactersLeft = MAX_CHARACTERS + 100 * written;
  interpreter.evaluate = (statement, scope) => {
    if (--stepsLeft < 0) throw broken(`it takes more than ${maxSteps} steps`);
    const result = evaluate(statement, scope);
    const value: unknown = result.value;
    if (typeof value === "string") {
      if (value.length > maxLength) throw broken(`it builds a text of more than ${maxLength} characters`);
      charactersLeft -= value.length;
      if (charactersLeft < 0) throw broken("it goes through its texts too many times");
    } else if (Array.isArray(value) && value.length > maxItems)
      throw broken(`it builds a list of more than ${maxItems} items`);
    return result;
  };
  return interpreter;
}

/**
 * Compiles a template, with Jinja's `trim_blocks` and `lstrip_blocks` as chat templates are written for. There is no
 * `strftime_now`: a prompt depends on its messages alone, and templates that ask for today have a date to fall back on.
 *
 * Error: `bad-gguf` if it is no Jinja.
 */
export function compileTemplate(source: string): ChatTemplate {
  if (source.length > MAX_TEMPLATE_LENGTH) throw broken(`it has ${source.length} characters`);
  const program = (() => {
    try {
      return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
    } catch (error) {
      throw broken(messageOf(error), error);
    }
  })();
  return {
    render(variables) {
      try {
        const environment = new Environment();
        for (const [name, value] of Object.entries(globals(variables))) environment.set(name, value);
        return String(boundedInterpreter(environment, variables.messages).run(program).value);
      } catch (error) {
        throw error instanceof WebMoEError ? error : broken(messageOf(error), error);
      }
    },
  };
}
