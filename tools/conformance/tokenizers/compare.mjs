// @ts-check
import { cleanUp } from "./clean-up.mjs";
import { UNKNOWN_BYTE } from "./known-issues.mjs";
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
 * @property {number} tokens tokens that were decoded one by one
 * @property {number} tokensEqual
 * @property {number} unknownBytes tokens that a known issue keeps from being compared
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
 * @param {{ count: number, everyToken: boolean }} options generated strings; whether to decode each token
 * @returns {Row}
 */
export function compareVocabulary(name, vocabulary, oracle, pairs, { count, everyToken }) {
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
    tokens: 0,
    tokensEqual: 0,
    unknownBytes: 0,
    differences: [],
  };
  /** @param {string} what @param {unknown} ours @param {unknown} theirs */
  const differs = (what, ours, theirs) => {
    if (row.differences.length === SHOWN) return;
    row.differences.push(`${what}: ${JSON.stringify(ours)}, not ${JSON.stringify(theirs)}`);
  };
  /** @param {string} text @param {boolean} parsed @param {readonly number[]} expected */
  const compare = (text, parsed, expected) => {
    row.strings++;
    const where = `of ${JSON.stringify(text)}${parsed ? " (special)" : ""}`;
    const ids = [...tokenizer.encode(text, { special: parsed, addBos: false })];
    if (same(ids, expected)) row.idsEqual++;
    else differs(`ids ${where}`, ids, expected);
    const decoded = tokenizer.decode(expected);
    const oracleText = oracle.detokenize(expected);
    if (shown(decoded) === oracleText) row.textEqual++;
    else differs(`text ${where}`, shown(decoded), oracleText);
    if (parsed || !isReversible(vocabulary, text)) return;
    row.roundTrips++;
    const back = tokenizer.decode(ids);
    if (back === text.replace(/\p{Surrogate}/gu, "\ufffd")) row.roundTripsExact++;
    else differs(`round trip ${where}`, back, text);
  };
  for (const { text, ids } of pairs) compare(text, false, ids);
  const tokens = [...special.slice(0, 40), ...special.slice(-10), ...userDefined.slice(0, 40)];
  for (const text of hardStrings(count, tokens)) {
    for (const parsed of [true, false]) compare(text, parsed, oracle.tokenize(text, parsed));
  }
  for (let id = 0; everyToken && id < tokenizer.vocabSize; id++) {
    const theirs = oracle.detokenize([id]);
    if (theirs.includes(UNKNOWN_BYTE)) {
      row.unknownBytes++;
      continue;
    }
    const ours = shown(tokenizer.decode([id]));
    row.tokens++;
    if (ours === theirs) row.tokensEqual++;
    else differs(`text of token ${id}`, ours, theirs);
  }
  return row;
}
