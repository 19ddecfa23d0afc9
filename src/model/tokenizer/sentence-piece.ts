import type { Core, SpmTables } from "../../wasm/core.ts";
import type { Scheme } from "./scheme.ts";
import { byteTokenName, type TokenizerMetadata, type Vocabulary } from "./vocabulary.ts";

/** SentencePiece writes a space as U+2581. */
const SPACE = "\u2581";
const NONE = 0xffffffff;

const utf8 = new TextEncoder();

function spmTables({ texts, ids, unknownId }: Vocabulary, fileScores?: ArrayLike<number>): SpmTables {
  const scores = Float32Array.from(texts, (_, id) => fileScores?.[id] ?? 0);
  const tokenBytes = utf8.encode(texts.join(""));
  const tokenOffsets = new Uint32Array(texts.length + 1);
  texts.forEach((text, id) => {
    tokenOffsets[id + 1] = tokenOffsets[id]! + utf8.encode(text).length;
  });
  const byteTokens = Uint32Array.from({ length: 256 }, (_, byte) => {
    const named = ids.get(byteTokenName(byte));
    return named ?? (byte < 0x80 ? ids.get(String.fromCharCode(byte)) : undefined) ?? NONE;
  });
  return { tokenBytes, tokenOffsets, scores, byteTokens, unknownId };
}

/**
 * SentencePiece BPE: in the whole text neighbours merge into the token of the highest score; what is no token is
 * written as byte tokens.
 */
export function sentencePiece(core: Core, vocabulary: Vocabulary, { scores }: TokenizerMetadata): Scheme {
  core.loadSpm(spmTables(vocabulary, scores));
  return {
    addBos: true,
    spacePrefix: true,
    encode(text, ids) {
      for (const id of core.encodeWord(utf8.encode(text.replaceAll(" ", SPACE)))) ids.push(id);
    },
    bytesOf: (text) => utf8.encode(text.replaceAll(SPACE, " ")),
  };
}
