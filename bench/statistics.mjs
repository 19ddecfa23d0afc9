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

/**
 * The coefficients that make `rows · coefficients` come nearest to `values`, by the normal equations: for a handful of
 * columns of like size.
 * @param {readonly (readonly number[])[]} rows @param {readonly number[]} values one for each row
 * @returns {number[] | undefined} undefined where the rows do not tell the columns apart
 */
export function leastSquares(rows, values) {
  if (rows[0] === undefined) return undefined;
  const width = rows[0].length;
  const columns = [...Array(width).keys()];
  const sum = (/** @type {(row: readonly number[], i: number) => number} */ term) =>
    rows.reduce((total, row, i) => total + term(row, i), 0);
  const at = (/** @type {readonly number[]} */ list, /** @type {number} */ i) => list[i] ?? 0;
  // Each line is an equation with its right side last; Gauss-Jordan leaves the solution there.
  const lines = columns.map((a) => [
    ...columns.map((b) => sum((row) => at(row, a) * at(row, b))),
    sum((row, i) => at(row, a) * at(values, i)),
  ]);
  const scales = lines.map((line, i) => at(line, i));
  for (const column of columns) {
    const rest = lines.slice(column);
    const pivot = rest.reduce(
      (best, line) => (Math.abs(at(line, column)) > Math.abs(at(best, column)) ? line : best),
      rest[0] ?? [],
    );
    if (!(Math.abs(at(pivot, column)) > 1e-9 * at(scales, column))) return undefined;
    lines.splice(lines.indexOf(pivot), 1);
    lines.splice(column, 0, pivot);
    for (const [i, line] of lines.entries()) {
      if (line === pivot) continue;
      const factor = at(line, column) / at(pivot, column);
      lines[i] = line.map((value, j) => value - factor * at(pivot, j));
    }
  }
  return lines.map((line, i) => at(line, width) / at(line, i));
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
