// @ts-check
import { randomStream } from "../make-model/random.mjs";

/**
 * @typedef {object} Random
 * @property {(end: number) => number} below uniform over the whole numbers in [0, end); 0 where there is none
 * @property {<T>(list: readonly T[]) => T} of
 * @property {(probability: number) => boolean} chance
 */

/** Choices of one case: the same whatever cases ran before. @param {number} seed @param {number} index @returns {Random} */
export function randomOfCase(seed, index) {
  const { next } = randomStream(seed, `case ${index}`);
  /** @param {number} end */
  const below = (end) => Math.floor((next() / 2 ** 32) * Math.max(0, Math.floor(end)));
  return {
    below,
    of: (list) => {
      const item = list[below(list.length)];
      if (item === undefined) throw new Error("A choice from nothing.");
      return item;
    },
    chance: (probability) => next() / 2 ** 32 < probability,
  };
}
