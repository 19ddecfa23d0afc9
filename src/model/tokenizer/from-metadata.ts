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
  const strings = (name: string): readonly string[] =>
    model === "gpt2" ? metadata.strings(`tokenizer.ggml.${name}`) : [];
  return createTokenizer(core, {
    model,
    pre: metadata.optionalString("tokenizer.ggml.pre"),
    tokens: strings("tokens"),
    tokenTypes: metadata.optionalNumbers("tokenizer.ggml.token_type"),
    merges: strings("merges"),
    bosId: id("bos"),
    eosId: id("eos"),
    eotId: id("eot"),
    eomId: id("eom"),
    addBos: metadata.optionalBoolean("tokenizer.ggml.add_bos_token"),
    addEos: metadata.optionalBoolean("tokenizer.ggml.add_eos_token"),
  });
}
