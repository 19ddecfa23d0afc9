// @ts-check
/**
 * How two sequences of tokens differ.
 * @param {readonly number[]} actual @param {readonly number[]} expected
 * @returns {{ same: boolean, firstDifference: number }} index of the first that differs or is missing, −1 if none
 */
export function compareTokens(actual, expected) {
  const length = Math.max(actual.length, expected.length);
  for (let i = 0; i < length; i++) if (actual[i] !== expected[i]) return { same: false, firstDifference: i };
  return { same: true, firstDifference: -1 };
}

/**
 * Root mean square of the difference of two logit vectors over the second's standard deviation, both centred: a
 * constant added to all logits changes no probability.
 * @param {ArrayLike<number>} actual @param {ArrayLike<number>} expected
 */
export function logitsDistance(actual, expected) {
  if (actual.length !== expected.length) {
    throw new Error(`${actual.length} logits cannot be compared with ${expected.length}.`);
  }
  const a = centred(actual);
  const b = centred(expected);
  const squares = a.reduce((sum, value, i) => sum + (value - (b[i] ?? Number.NaN)) ** 2, 0);
  const spread = b.reduce((sum, value) => sum + value ** 2, 0);
  return Math.sqrt(squares / spread);
}

/** @param {ArrayLike<number>} values */
function centred(values) {
  const list = Float64Array.from(values);
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  return list.map((value) => value - mean);
}
