// @ts-check
import { readFileSync } from "node:fs";

/** Token types in `tokenizer.ggml.token_type`. */
const NORMAL = 1;
const CONTROL = 3;

const CONTROL_TOKENS = ["<|end|>", "<|user|>", "<|assistant|>"];

/** In the order they were learnt, from children's stories, questions, programs and sums. */
const MERGES = readFileSync(new URL("merges.txt", import.meta.url), "utf8")
  .trimEnd()
  .split("\n");

/**
 * The letters that bytes have in a byte-level BPE token, by byte (GPT-2's `bytes_to_unicode`): printable Latin-1
 * stands for itself, the other bytes for the code points from 256 on, in order.
 */
function byteLetters() {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(printable ? byte : next++);
  });
}

/**
 * A byte-level BPE vocabulary of `size` tokens: control tokens, the 256 bytes, and one token a merge.
 * @param {number} size
 */
export function vocabularyOf(size) {
  const letters = byteLetters();
  const merges = MERGES.slice(0, size - CONTROL_TOKENS.length - letters.length);
  const tokens = [...CONTROL_TOKENS, ...letters, ...merges.map((merge) => merge.replace(" ", ""))];
  if (tokens.length !== size) throw new Error(`There are merges for ${tokens.length} tokens, not ${size}.`);
  const byteOf = new Map(letters.map((letter, byte) => [letter, byte]));
  const decoder = new TextDecoder("utf-8", { fatal: true });
  /** @param {string} token */
  const isWholeText = (token) => {
    try {
      decoder.decode(Uint8Array.from(token, (letter) => byteOf.get(letter) ?? 0));
      return true;
    } catch {
      return false;
    }
  };
  const isControl = (/** @type {number} */ id) => id < CONTROL_TOKENS.length;
  return {
    tokens,
    merges,
    types: tokens.map((_, id) => (isControl(id) ? CONTROL : NORMAL)),
    /** Ids that a random model must not generate: control tokens and pieces of characters. */
    unspeakable: new Set(tokens.flatMap((token, id) => (isControl(id) || !isWholeText(token) ? [id] : []))),
  };
}
