/** WebMoE's tokenizers, bundled for Node: the library's public face has them only as part of a whole model. */
import { readFile } from "node:fs/promises";
import coreUrl from "../../../asm/core/index.ts?asc";
import { metadataOf } from "../../../src/model/gguf/metadata.ts";
import { parseGguf } from "../../../src/model/gguf/parse.ts";
import { tokenTextBytes } from "../../../src/model/tokenizer/byte-alphabet.ts";
import { tokenizerFrom } from "../../../src/model/tokenizer/from-metadata.ts";
import type { Tokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { compileWasmFile } from "../../../src/wasm/compile-node.ts";
import { instantiateCore } from "../../../src/wasm/core.ts";

export { PRE_TOKENIZER_NAMES } from "../../../src/model/tokenizer/pre-tokenizer.ts";

export interface OpenedVocabulary {
  readonly tokenizer: Tokenizer;
  /** `tokenizer.ggml.model` and `tokenizer.ggml.pre`. */
  readonly model: string;
  readonly pre: string | undefined;
  /** Texts of the tokens of types 2 (unknown) and 3 (control), and of type 4 (user-defined). */
  readonly special: readonly string[];
  readonly userDefined: readonly string[];
  /** Of byte-level BPE: bytes that no token writes. */
  readonly lostBytes: ReadonlySet<number>;
}

/** Error: `WebMoEError` where the library refuses the vocabulary. */
export async function openVocabulary(path: string): Promise<OpenedVocabulary> {
  const bytes = await readFile(path);
  const metadata = metadataOf(parseGguf(bytes, bytes.length));
  const core = await instantiateCore(await compileWasmFile(coreUrl));
  const types = metadata.optionalNumbers("tokenizer.ggml.token_type") ?? [];
  const texts = metadata.strings("tokenizer.ggml.tokens");
  const ofType = (...wanted: readonly number[]): string[] =>
    texts.filter((text, id) => text !== "" && wanted.includes(types[id] ?? 1));
  const model = metadata.string("tokenizer.ggml.model");
  const written = texts.map(tokenTextBytes).filter((token) => token.length === 1);
  return {
    tokenizer: tokenizerFrom(metadata, core),
    model,
    pre: metadata.optionalString("tokenizer.ggml.pre"),
    special: ofType(2, 3),
    userDefined: ofType(4),
    lostBytes: new Set(
      model === "gpt2"
        ? Array.from({ length: 256 }, (_, byte) => byte).filter(
            (byte) => !written.some(([one]) => one === byte),
          )
        : [],
    ),
  };
}
