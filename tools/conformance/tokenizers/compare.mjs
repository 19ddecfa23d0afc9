// @ts-check
import { cleanUp } from "./clean-up.mjs";
import { hardStrings } from "./strings.mjs";

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {string} pre `tokenizer.ggml.pre`, or the tokenizer model where it has none
 * @property {number} strings how many were compared, each with special tokens parsed and not
 * @property {number} idsEqual
 * @property {number} textEqual
 * @property {number} roundTrips strings that the format can give back exactly
 * @property {number} roundTripsExact
 * @property {string[]} differences the first few, for people
 */

const SHOWN = 5;

/** @param {readonly number[]} ours @param {readonly number[]} theirs */
const same = (ours, theirs) => ours.length === theirs.length && ours.every((id, i) => id === theirs[i]);

const utf8 = new TextEncoder();

/**
 * Whether decoding what was encoded gives the string back. Not where SentencePiece writes two things alike: a space
 * and U+2581, and the space it puts after user-defined tokens; nor where a byte-level vocabulary lacks a byte.
 * @param {import("./webmoe.ts").OpenedVocabulary} vocabulary @param {string} text
 */
const isReversible = ({ model, userDefined, lostBytes }, text) =>
  model === "llama"
    ? !["\u2581", ...userDefined].some((token) => text.includes(token))
    : lostBytes.size === 0 || !utf8.encode(text).some((byte) => lostBytes.has(byte));

/**
 * @param {string} name
 * @param {import("./webmoe.ts").OpenedVocabulary} vocabulary
 * @param {import("./oracle.mjs").OracleVocabulary} oracle
 * @param {ReadonlyArray<{ text: string, ids: readonly number[] }>} pairs llama.cpp's own cases
 * @param {number} count generated strings
 * @returns {Row}
 */
export function compareVocabulary(name, vocabulary, oracle, pairs, count) {
  const { tokenizer, special, userDefined, pre, model } = vocabulary;
  // Whether llama_detokenize cleans up is known to it alone.
  const cleans = oracle.detokenize(oracle.tokenize("a .", false)) === "a.";
  const shown = cleans ? cleanUp : (/** @type {string} */ text) => text;
  /** @type {Row} */
  const row = {
    name,
    pre: pre ?? model,
    strings: 0,
    idsEqual: 0,
    textEqual: 0,
    roundTrips: 0,
    roundTripsExact: 0,
    differences: [],
  };
  /** @param {string} text @param {boolean} parsed @param {readonly number[]} expected */
  const compare = (text, parsed, expected) => {
    row.strings++;
    /** @param {string} what @param {unknown} ours @param {unknown} theirs */
    const differs = (what, ours, theirs) => {
      if (row.differences.length < SHOWN) {
        const [string, own, other] = [text, ours, theirs].map((value) => JSON.stringify(value));
        row.differences.push(`${what}${parsed ? " (special)" : ""} of ${string}: ${own}, llama.cpp ${other}`);
      }
    };
    const ids = [...tokenizer.encode(text, { special: parsed, addBos: false })];
    if (same(ids, expected)) row.idsEqual++;
    else differs("ids", ids, expected);
    const decoded = tokenizer.decode(expected);
    const oracleText = oracle.detokenize(expected);
    if (shown(decoded) === oracleText) row.textEqual++;
    else differs("text", shown(decoded), oracleText);
    if (parsed || !isReversible(vocabulary, text)) return;
    row.roundTrips++;
    const back = tokenizer.decode(ids);
    if (back === text.replace(/\p{Surrogate}/gu, "\ufffd")) row.roundTripsExact++;
    else differs("round trip", back, text);
  };
  for (const { text, ids } of pairs) compare(text, false, ids);
  const tokens = [...special.slice(0, 40), ...special.slice(-10), ...userDefined.slice(0, 40)];
  for (const text of hardStrings(count, tokens)) {
    for (const parsed of [true, false]) compare(text, parsed, oracle.tokenize(text, parsed));
  }
  return row;
}
