// @ts-check
import { rawStrings, readGguf } from "./gguf-reader.mjs";

/** Token types in `tokenizer.ggml.token_type`. */
const NORMAL = 1;
const CONTROL = 3;

/**
 * The bytes that the letters of a byte-level BPE token stand for (GPT-2's `bytes_to_unicode`): printable Latin-1
 * stands for itself, the other bytes for the code points from 256 on, in order.
 */
function byteOfLetter() {
  const letters = new Map();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    letters.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return letters;
}

/**
 * A byte-level BPE vocabulary cut from a model's: its first `size` tokens, and the merges that make them. In such
 * a file control tokens come first, then the 256 bytes, then one token a merge.
 * @param {string} path a GGUF with a `gpt2` tokenizer
 * @param {number} size
 */
export async function cutVocabulary(path, size) {
  const { metadata } = await readGguf(path);
  const tokens = rawStrings(metadata.get("tokenizer.ggml.tokens")).slice(0, size);
  const kept = new Set(tokens);
  const merges = rawStrings(metadata.get("tokenizer.ggml.merges")).filter((merge) =>
    kept.has(merge.replace(" ", "")),
  );
  const controlCount = tokens.findIndex((token) => !/^<\|.*\|>$/.test(token));
  const letters = byteOfLetter();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  /** @param {string} token */
  const isWholeText = (token) => {
    try {
      decoder.decode(Uint8Array.from(token, (letter) => letters.get(letter)));
      return true;
    } catch {
      return false;
    }
  };
  return {
    tokens,
    merges,
    types: tokens.map((_, id) => (id < controlCount ? CONTROL : NORMAL)),
    /** Ids that a random model must not generate: control tokens and pieces of characters. */
    unspeakable: new Set(
      tokens.flatMap((token, id) => (id < controlCount || !isWholeText(token) ? [id] : [])),
    ),
  };
}
