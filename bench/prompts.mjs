// @ts-check
/**
 * Prompts of an exact number of tokens. wllama takes text only, so that a prompt is text whose tokens are the same
 * wherever it is tokenised: ids are cut from a long text, decoded, and kept if they encode to themselves.
 *
 * Every prompt of a page is another part of the text: no engine could answer it from what it still holds.
 */

/**
 * @typedef {{ text: string, ids: number[] }} Prompt
 *
 * @typedef {object} Tokenizer as the library's model
 * @property {(text: string) => Promise<Uint32Array>} tokenize
 * @property {(ids: readonly number[]) => Promise<string>} detokenize
 */

const WHO = ["the old gardener", "a small boy", "her brother", "the teacher", "my friend Ben", "the baker"];
const DID = ["found", "painted", "carried", "looked for", "dreamed of", "gave away"];
const WHAT = [
  "a red kite",
  "three warm loaves",
  "the lost key",
  "a wooden boat",
  "some wild flowers",
  "the map",
];
const WHERE = [
  "by the river",
  "under the bridge",
  "in the school yard",
  "near the old wall",
  "at the market",
];
const WHEN = [
  "One morning",
  "After lunch",
  "That evening",
  "On Sunday",
  "Before the rain",
  "In spring",
  "Soon",
];

/** Plain sentences without end: the periods of the lists have no common factor, so that it does not repeat soon. */
function sentence(/** @type {number} */ i) {
  /** @param {readonly string[]} list @param {number} step */
  const pick = (list, step) => list[(i * step + Math.floor(i / list.length)) % list.length];
  return `${pick(WHEN, 3)} ${pick(WHO, 5)} ${pick(DID, 1)} ${pick(WHAT, 7)} ${pick(WHERE, 2)}.`;
}

/** Sentences that are tokenised: enough for more than all prompts of a page. */
const SENTENCES = 500;

/**
 * @param {Tokenizer} model
 * @returns {Promise<(length: number) => Promise<Prompt>>} each call gives another part of the text
 */
export async function promptSource(model) {
  const text = Array.from({ length: SENTENCES }, (_, i) => sentence(i)).join(" ");
  const all = Array.from(await model.tokenize(text));
  let at = 0;
  return async (length) => {
    for (; at + length <= all.length; at++) {
      const ids = all.slice(at, at + length);
      const part = await model.detokenize(ids);
      const again = await model.tokenize(part);
      if (again.length === length && ids.every((id, i) => again[i] === id)) {
        at += length;
        return { text: part, ids };
      }
    }
    throw new Error(`The text of ${all.length} tokens has no further part of ${length}.`);
  };
}
