// @ts-check
/** How results are counted and shown in tables, whatever was compared. */
import { resultOf } from "./results.mjs";

/**
 * @typedef {import("./products.mjs").Case} Case
 * @typedef {import("./results.mjs").Result} Result
 * @typedef {import("./matrix.mjs").Check} Check
 *
 * @typedef {{ item: Case, result: Result | undefined }} Entry
 * @typedef {{ passed: number, failed: number, open: number }} Counts
 */

/** @param {readonly Case[]} cases @param {Map<string, Result>} results @returns {Entry[]} */
export const entriesOf = (cases, results) => cases.map((item) => ({ item, result: resultOf(results, item) }));

/** A comparison that threw made none of its checks: all have failed. @param {Entry} entry @returns {Counts} */
function countsOf({ item: { checks }, result }) {
  if (!result) return { passed: 0, failed: 0, open: checks };
  const passed = result.checks.filter((check) => check.passed).length;
  return { passed, failed: checks - passed, open: 0 };
}

/** @param {readonly Entry[]} entries @returns {Counts} */
export function total(entries) {
  const sum = { passed: 0, failed: 0, open: 0 };
  for (const entry of entries) {
    const counts = countsOf(entry);
    sum.passed += counts.passed;
    sum.failed += counts.failed;
    sum.open += counts.open;
  }
  return sum;
}

/** @param {readonly Entry[]} entries @returns {Check[]} */
const checksOf = (entries) => entries.flatMap(({ result }) => result?.checks ?? []);

/** @param {readonly (number | undefined)[]} values */
const numbers = (values) => values.filter((value) => value !== undefined);

/** @param {number} value */
export const inFigures = (value) => value.toExponential(1);

/** @param {readonly Entry[]} entries */
export function worstDistance(entries) {
  const distances = numbers(checksOf(entries).map(({ distance }) => distance));
  return distances.length === 0 ? "" : inFigures(Math.max(...distances));
}

/** @param {readonly Entry[]} entries */
export function leastMargin(entries) {
  const margins = numbers(checksOf(entries).map(({ margin }) => margin));
  return margins.length === 0 ? "" : Math.min(...margins).toFixed(3);
}

/** One mark for some cases: pass with the worst difference, fail, open, or part of them. @param {readonly Entry[]} entries */
export function mark(entries) {
  if (entries.length === 0) return "";
  const { passed, failed, open } = total(entries);
  if (failed > 0) return "**fail**";
  if (passed === 0) return "open";
  const figure = worstDistance(entries) || "pass";
  return open === 0 ? figure : `${figure} (part open)`;
}

/** @param {readonly string[]} head @param {readonly (readonly (string | number)[])[]} rows */
export function table(head, rows) {
  const line = (/** @type {readonly (string | number)[]} */ cells) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/**
 * A grid of marks.
 * @param {readonly Entry[]} entries of one product
 * @param {string} corner @param {readonly string[]} rows @param {readonly string[]} columns
 * @param {(item: Case, row: string, column: string) => boolean} belongs
 */
export function grid(entries, corner, rows, columns, belongs) {
  return table(
    [corner, ...columns],
    rows.map((row) => [
      row,
      ...columns.map((column) => mark(entries.filter(({ item }) => belongs(item, row, column)))),
    ]),
  );
}
