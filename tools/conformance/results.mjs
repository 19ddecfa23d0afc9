// @ts-check
/**
 * Results as they come: a line of JSON a case, so that a long product can be run in pieces. A result holds for one
 * model and the sources of the engine that can change it: after a change of either the case is open again.
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

/** @param {string} digest of the sources */
const pathOf = (digest) => join(WORK, `rows-${digest}.jsonl`);

/** The latest result of each case, by key. @param {import("./engines.mjs").Digests} digests @returns {Promise<Map<string, Result>>} */
export async function readResults(digests) {
  const each = Object.values(digests).flatMap((ofBackends) => Object.values(ofBackends));
  const texts = await Promise.all(each.map((digest) => readFile(pathOf(digest), "utf8").catch(() => "")));
  const lines = texts.flatMap((text) => text.split("\n")).filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      /** @type {Result} */
      const result = JSON.parse(line);
      return [result.key, result];
    }),
  );
}

/** Where experts come and go, everything counts; where they are all held, what computes. @param {import("./products.mjs").Case} item */
const scopeOf = ({ product }) => (product === "budgets" || product === "residency" ? "whole" : "numbers");

/**
 * @param {import("./engines.mjs").Digests} digests @param {import("./products.mjs").Case} item
 * @param {Result} result
 */
export async function keepResult(digests, item, result) {
  await mkdir(WORK, { recursive: true });
  await appendFile(pathOf(digests[scopeOf(item)][item.backend]), `${JSON.stringify(result)}\n`);
}

/** The result of a case, if it is of the same model. @param {Map<string, Result>} results @param {import("./products.mjs").Case} item */
export function resultOf(results, { key, golden }) {
  const result = results.get(key);
  return result && result.modelSha256 === golden?.model.sha256 ? result : undefined;
}

/** @param {Result} result */
export const hasPassed = ({ checks }) => checks.length > 0 && checks.every(({ passed }) => passed);
