import type { Core } from "../../wasm/core.ts";
import { tokenTextBytes } from "./byte-alphabet.ts";
import { bpeTables } from "./merges.ts";
import { preTokenizer, splitWords } from "./pre-tokenizer.ts";
import type { Scheme } from "./scheme.ts";
import type { TokenizerMetadata, Vocabulary } from "./vocabulary.ts";

const utf8 = new TextEncoder();

/**
 * Byte-level BPE: text is cut into words, in whose bytes pairs merge in the order of the merges.
 *
 * Error: `unsupported-architecture` for an unknown pre-tokenizer.
 */
export function byteLevel(
  core: Core,
  { texts }: Vocabulary,
  { pre: name, merges }: TokenizerMetadata,
): Scheme {
  const pre = preTokenizer(name);
  core.loadBpe(bpeTables(texts, merges, pre.ignoreMerges));
  return {
    addBos: pre.addBos,
    spacePrefix: false,
    encode(text, ids) {
      for (const word of splitWords(text, pre)) {
        for (const id of core.encodeWord(utf8.encode(word))) ids.push(id);
      }
    },
    bytesOf: tokenTextBytes,
  };
}
