import type { Core } from "../../wasm/core.ts";
import type { Metadata } from "../gguf/metadata.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";

const LAST_ID = 0xffffffff;

/**
 * The tokenizer of a GGUF file, from its `tokenizer.ggml.*` keys.
 *
 * Errors: those of `createTokenizer`; `bad-gguf` naming a key that is missing or of the wrong type.
 */
export function tokenizerFrom(metadata: Metadata, core: Core): Tokenizer {
  const id = (name: string): number | undefined =>
    metadata.optionalCount(`tokenizer.ggml.${name}_token_id`, 0, LAST_ID);
  const model = metadata.string("tokenizer.ggml.model");
  // Other models may lack these keys: say what is not supported rather than what is missing.
  const strings = (name: string, ...models: readonly string[]): readonly string[] =>
    models.includes(model) ? metadata.strings(`tokenizer.ggml.${name}`) : [];
  return createTokenizer(core, {
    name: metadata.optionalString("general.name"),
    model,
    pre: metadata.optionalString("tokenizer.ggml.pre"),
    tokens: strings("tokens", "gpt2", "llama"),
    tokenTypes: metadata.optionalNumbers("tokenizer.ggml.token_type"),
    merges: strings("merges", "gpt2"),
    scores: metadata.optionalNumbers("tokenizer.ggml.scores"),
    bosId: id("bos"),
    eosId: id("eos"),
    eotId: id("eot"),
    eomId: id("eom"),
    unknownId: id("unknown"),
    addSpacePrefix: metadata.optionalBoolean("tokenizer.ggml.add_space_prefix"),
    addBos: metadata.optionalBoolean("tokenizer.ggml.add_bos_token"),
    addEos: metadata.optionalBoolean("tokenizer.ggml.add_eos_token"),
  });
}
