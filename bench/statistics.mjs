// @ts-check
/** Medians and spreads: benchmarks on shared machines have outliers, so nothing is averaged. */

/** @typedef {{ min: number, median: number, max: number, count: number }} Spread */

/** @param {readonly number[]} values at least one @returns {number} */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new Error("No values have no median.");
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** @param {readonly number[]} values @returns {Spread | undefined} undefined without values */
export function spreadOf(values) {
  if (values.length === 0) return undefined;
  return { min: Math.min(...values), median: median(values), max: Math.max(...values), count: values.length };
}

/**
 * Ratios of two engines round by round: what was measured in the same minute is divided, since a slow minute slows
 * both. Rounds that one of them lacks are left out.
 * @param {readonly (number | undefined)[]} ours by round @param {readonly (number | undefined)[]} theirs
 */
export function ratiosByRound(ours, theirs) {
  return ours.flatMap((value, round) => {
    const other = theirs[round];
    return value === undefined || other === undefined || other === 0 ? [] : [value / other];
  });
}

/** Three significant digits, thousands separated, no exponent. @param {number} value */
export function short(value) {
  if (!Number.isFinite(value)) return String(value);
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** `median (min–max)`; the median alone of a single value. @param {Spread | undefined} spread */
export function shortSpread(spread) {
  if (!spread) return "—";
  if (spread.count === 1) return short(spread.median);
  return `${short(spread.median)} (${short(spread.min)}–${short(spread.max)})`;
}
