// @ts-check
/**
 * Results as they come: a line of JSON a case, so that a long product can be run in pieces. A result holds for one
 * build of the engine and one model: after a change of either the case is open again.
 */
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { WORK } from "./models.mjs";

/**
 * @typedef {object} Result
 * @property {string} key of the case
 * @property {string} modelSha256
 * @property {number} seconds
 * @property {string} [gpu] what drove it: the browser and its version
 * @property {import("./matrix.mjs").Check[]} checks
 */

/** @param {string} digest of the engine on one backend */
const pathOf = (digest) => join(WORK, `rows-${digest}.jsonl`);

/** The latest result of each case, by key. @param {import("./engines.mjs").Digests} digests @returns {Promise<Map<string, Result>>} */
export async function readResults(digests) {
  const texts = await Promise.all(
    Object.values(digests).map((digest) => readFile(pathOf(digest), "utf8").catch(() => "")),
  );
  const lines = texts.flatMap((text) => text.split("\n")).filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      /** @type {Result} */
      const result = JSON.parse(line);
      return [result.key, result];
    }),
  );
}

/** @param {string} digest of the engine on the backend that it is a result of @param {Result} result */
export async function keepResult(digest, result) {
  await mkdir(WORK, { recursive: true });
  await appendFile(pathOf(digest), `${JSON.stringify(result)}\n`);
}

/** The result of a case, if it is of the same model. @param {Map<string, Result>} results @param {import("./products.mjs").Case} item */
export function resultOf(results, { key, golden }) {
  const result = results.get(key);
  return result && result.modelSha256 === golden?.model.sha256 ? result : undefined;
}

/** @param {Result} result */
export const hasPassed = ({ checks }) => checks.length > 0 && checks.every(({ passed }) => passed);
