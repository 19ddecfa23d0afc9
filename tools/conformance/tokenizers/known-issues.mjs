// @ts-check
/** Vocabularies that WebMoE refuses. @type {Readonly<Record<string, string>>} */
export const NOT_SUPPORTED = {
  "bert-bge": "WordPiece; no supported architecture uses it",
  "nomic-bert-moe": "Unigram; no supported architecture uses it",
  "gemma-4": "BPE on characters with SentencePiece's spaces; no supported architecture uses it",
};

/** What llama.cpp shows of a byte-level token's character that stands for no byte. */
export const UNKNOWN_BYTE = "[UNK_BYTE_0x";

/** Where WebMoE differs from llama.cpp, and why. The comparison leaves out just these. */
export const KNOWN_ISSUES = [
  {
    name: "clean-up",
    reason:
      "llama_detokenize takes spaces away before punctuation and contractions (clean_up_tokenization_spaces). WebMoE shows the text of the tokens, as llama.cpp does when it generates: else code and round trips would break. The same is done to WebMoE's text before the two are compared.",
  },
  {
    name: "characters that stand for no byte",
    reason: `a byte-level token of a character outside GPT-2's alphabet is shown by llama.cpp as "${UNKNOWN_BYTE}…]", by WebMoE as the character. Encoding never makes such tokens.`,
  },
  {
    name: "BOS and EOS that the file does not name",
    reason: "llama.cpp takes token 11 of a byte-level vocabulary, which means nothing; WebMoE takes none.",
  },
  {
    name: "bytes without tokens",
    reason:
      "a SentencePiece vocabulary that lacks a byte token makes llama.cpp fail; WebMoE writes the unknown token.",
  },
  {
    name: "newer characters",
    reason:
      "llama.cpp has Unicode's tables inside, WebMoE takes the JavaScript engine's: a character that one of the two does not know yet may be cut differently. The strings hold characters of Unicode 9 and before.",
  },
];
