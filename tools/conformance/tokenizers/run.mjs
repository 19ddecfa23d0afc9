// @ts-check
/**
 * `node tools/conformance/tokenizers/run.mjs`: compares WebMoE's tokenizers with llama.cpp's on every vocabulary
 * that llama.cpp brings, and on one of them under the name of every pre-tokenizer. Prints a table and writes
 * `.cache/conformance/tokenizers.json`; exits 1 if anything differs.
 *
 * `--strings 2000`: generated strings a vocabulary. `--only name`: one vocabulary (or `pre:name`).
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureInstalled } from "../../run/install.mjs";
import { requireNode } from "../../run/node-version.mjs";
import { ROOT, WORK } from "../models.mjs";
import { loadWebMoE } from "./build.mjs";
import { compareVocabulary } from "./compare.mjs";
import { KNOWN_ISSUES, NOT_SUPPORTED } from "./known-issues.mjs";
import { openOracleTokenizers } from "./oracle.mjs";
import { compareUnicode } from "./unicode.mjs";
import { extractOracleFiles, writeWithPreTokenizer } from "./vocabularies.mjs";

/** @typedef {import("./compare.mjs").Row} Row */

/** Its merges know many scripts, so that a wrong cut shows in the ids. */
const BASE_OF_PRE_TOKENIZERS = "llama-bpe";

/** @type {ReadonlyArray<readonly [string, (row: Row) => string]>} */
const COLUMNS = [
  ["vocabulary", (row) => row.name],
  ["pre-tokenizer", (row) => row.pre],
  ["strings", (row) => String(row.strings)],
  ["ids equal", (row) => String(row.idsEqual)],
  ["text equal", (row) => String(row.textEqual)],
  ["round trips exact", (row) => `${row.roundTripsExact} of ${row.roundTrips}`],
  ["tokens' text equal", (row) => (row.tokens > 0 ? `${row.tokensEqual} of ${row.tokens}` : "")],
  ["", (row) => (isExact(row) ? "pass" : "**fail**")],
];

/** @param {Row} row */
const isExact = (row) =>
  row.idsEqual === row.strings &&
  row.textEqual === row.strings &&
  row.roundTripsExact === row.roundTrips &&
  row.tokensEqual === row.tokens;

/** @param {readonly string[]} cells */
const line = (cells) => `| ${cells.join(" | ")} |`;

/** @param {Row} row */
const rowLine = (row) => line(COLUMNS.map(([, cell]) => cell(row)));

requireNode();
const { values: flags } = parseArgs({
  options: { strings: { type: "string", default: "2000" }, only: { type: "string" } },
});
const count = Number(flags.strings);
await ensureInstalled(ROOT, "what WebMoE needs");
await ensureInstalled(join(ROOT, "tools", "oracle"), "llama.cpp as the oracle");
const directory = join(ROOT, ".cache", "tokenizers");
const { openVocabulary, PRE_TOKENIZER_NAMES } = await loadWebMoE(join(directory, "webmoe"));
const openOracle = await openOracleTokenizers();
const { oracleVersion } = await import("../../oracle/oracle.mjs");
const { vocabularies, unicodeTables } = await extractOracleFiles(directory);

/** @type {Row[]} */
const rows = [];

/**
 * @param {string} name @param {string} path
 * @param {import("./vocabularies.mjs").VocabularyFile["pairs"]} [pairs] of a vocabulary as it is: its tokens are decoded too
 */
async function compare(name, path, pairs) {
  const vocabulary = await openVocabulary(path);
  const oracle = await openOracle(path);
  const row = compareVocabulary(name, vocabulary, oracle, pairs ?? [], {
    count,
    everyToken: pairs !== undefined,
  });
  await oracle.dispose();
  rows.push(row);
  console.log(rowLine(row));
  if (!isExact(row)) for (const difference of row.differences) console.error(`  ${difference}`);
}

const isWanted = (/** @type {string} */ name) => flags.only === undefined || flags.only === name;

console.log(line(COLUMNS.map(([title]) => title)));
console.log(line(COLUMNS.map(() => "---")));
for (const { name, path, pairs } of vocabularies) {
  if (isWanted(name) && NOT_SUPPORTED[name] === undefined) await compare(name, path, pairs);
}
const base = vocabularies.find(({ name }) => name === BASE_OF_PRE_TOKENIZERS);
if (!base) throw new Error(`The oracle's package has no vocabulary ${BASE_OF_PRE_TOKENIZERS}.`);
for (const pre of PRE_TOKENIZER_NAMES) {
  if (!isWanted(`pre:${pre}`)) continue;
  const path = join(directory, "pre-tokenizer.gguf");
  await writeWithPreTokenizer(base.path, pre, path);
  await compare(`${base.name} as ${pre}`, path);
  await rm(path);
}

const unicode = compareUnicode(unicodeTables);
console.log(
  `\nCharacters of llama.cpp's Unicode tables that Unicode ${process.versions.unicode} of this engine sees differently: ${unicode.different.length}; of this engine's that llama.cpp does not know: ${unicode.newer}.`,
);
console.log("\nNot compared:");
for (const [name, reason] of Object.entries(NOT_SUPPORTED)) console.log(`- ${name}: ${reason}`);
console.log("\nKnown issues:");
for (const { name, reason } of KNOWN_ISSUES) console.log(`- ${name}: ${reason}`);
if (flags.only === undefined) {
  await mkdir(WORK, { recursive: true });
  await writeFile(
    join(WORK, "tokenizers.json"),
    `${JSON.stringify({ oracle: oracleVersion(), strings: count, unicode, rows, notCompared: NOT_SUPPORTED, knownIssues: KNOWN_ISSUES }, null, 2)}\n`,
  );
}
const failed = rows.filter((row) => !isExact(row));
console.log(`\n${rows.length - failed.length} of ${rows.length} vocabularies pass.`);
process.exit(failed.length === 0 && unicode.different.length === 0 ? 0 : 1);
