/** The engine's own tokenizer over a vocabulary, so that training and use cut texts alike. */
import { fileURLToPath, pathToFileURL } from "node:url";
import { createTokenizer, type Tokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { compileWasmFile } from "../../../src/wasm/compile-node.ts";
import { type Core, instantiateCore } from "../../../src/wasm/core.ts";
import { compileAsc } from "../../vite/asc.ts";
import { PRE_TOKENIZER, type Vocabulary } from "./bpe.ts";
import { CONTROL_TOKENS, END, piecesOf, type Sample } from "./form.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

export async function loadCore(): Promise<Core> {
  return instantiateCore(await compileWasmFile(pathToFileURL(await compileAsc(ROOT, "core")).href));
}

const NORMAL_TYPE = 1;
const CONTROL_TYPE = 3;

export const tokenTypes = (vocabulary: Vocabulary): number[] =>
  vocabulary.tokens.map((_, id) => (id < CONTROL_TOKENS.length ? CONTROL_TYPE : NORMAL_TYPE));

export const tokenizerOf = (core: Core, vocabulary: Vocabulary): Tokenizer =>
  createTokenizer(core, {
    model: "gpt2",
    pre: PRE_TOKENIZER,
    tokens: vocabulary.tokens,
    merges: vocabulary.merges,
    tokenTypes: tokenTypes(vocabulary),
    eosId: CONTROL_TOKENS.indexOf(END),
    addBos: false,
  });

/** Token ids of samples, with control tokens where the form has them and nowhere else. */
export function encoder(tokenizer: Tokenizer): (sample: Sample) => number[] {
  const control = new Map<string, number>(CONTROL_TOKENS.map((text) => [text, tokenizer.encode(text)[0]!]));
  return (sample) =>
    piecesOf(sample).flatMap((piece) =>
      "control" in piece
        ? [control.get(piece.control)!]
        : Array.from(tokenizer.encode(piece.text, { special: false })),
    );
}
