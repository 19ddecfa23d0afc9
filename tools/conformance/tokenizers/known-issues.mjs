// @ts-check
/** Where WebMoE differs from llama.cpp, by vocabulary, and why. */

/** Vocabularies that WebMoE refuses or that no model it runs has. @type {Readonly<Record<string, string>>} */
export const NOT_SUPPORTED = {
  "bert-bge": "WordPiece; no supported architecture uses it",
  "nomic-bert-moe": "Unigram; no supported architecture uses it",
  "gemma-4": "BPE on characters with SentencePiece's spaces; no supported architecture uses it",
};

/** @type {Readonly<Record<string, string>>} */
const ISSUES = {};

/** @param {string} name @returns {string | undefined} */
export const knownIssue = (name) => ISSUES[name];
