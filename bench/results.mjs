// @ts-check
/**
 * Everything measured so far, for machines: `results.json`. A record is what one run measured of one thing, and is
 * replaced as a whole when it is measured again; the rest stays. RESULTS.md is written from this file alone.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("results.json", import.meta.url));

/**
 * @typedef {object} Run when, where and how records were measured
 * @property {string} date ISO 8601, to the minute
 * @property {string} command
 * @property {string} commit of the engine, with `+` if files differed from it
 * @property {Record<string, string>} machine
 * @property {Record<string, string>} versions
 * @property {string} loadAverage over one minute, when it began
 *
 * @typedef {object} Cell what one engine gave
 * @property {(number | undefined)[]} [values] by round
 * @property {string} [ran] what it says of itself
 * @property {string} [error] why there are no values, or not all
 * @property {Record<string, unknown>} [facts]
 *
 * @typedef {object} Entry
 * @property {"speed" | "load" | "memory" | "kernels" | "profile"} kind
 * @property {string} subject what was measured, for example `olmoe q4_0`
 * @property {string} measure
 * @property {number} [threads]
 * @property {Record<string, Cell>} cells by engine; of kernels by column, of profiles by function
 * @property {string} run
 *
 * @typedef {{ runs: Record<string, Run>, records: Entry[] }} Results
 */

/** What tells records apart. @param {Pick<Entry, "kind" | "subject" | "measure" | "threads">} record */
export const keyOf = ({ kind, subject, measure, threads }) =>
  [kind, subject, measure, threads ?? "-"].join(" / ");

/**
 * The results with these records in place of those that they measure anew, and without runs that nothing is left of.
 * @param {Results} results @param {readonly Entry[]} records @param {Record<string, Run>} runs @returns {Results}
 */
export function merged(results, records, runs) {
  const all = new Map(results.records.map((record) => [keyOf(record), record]));
  for (const record of records) all.set(keyOf(record), record);
  const kept = [...all.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const used = new Set(kept.map(({ run }) => run));
  const left = Object.entries({ ...results.runs, ...runs }).filter(([id]) => used.has(id));
  return { runs: Object.fromEntries(left.sort(([a], [b]) => (a < b ? -1 : 1))), records: kept };
}

/** @returns {Promise<Results>} */
export async function readResults() {
  try {
    return JSON.parse(await readFile(FILE, "utf8"));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return { runs: {}, records: [] };
    throw error;
  }
}

/** @param {Results} results */
export async function writeResults(results) {
  await writeFile(`${FILE}.partial`, `${JSON.stringify(results, undefined, 1)}\n`);
  await rename(`${FILE}.partial`, FILE);
}
