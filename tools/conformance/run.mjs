// @ts-check
/**
 * `npm run conformance`: records llama.cpp's golden vectors and compares WebMoE with them in every configuration.
 * Writes `docs/conformance.md`; exits 1 if a row fails.
 *
 *   --compare-only       takes the golden vectors as they are
 *   --only node|browser  compares in one place only, and writes no table
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { launchChromium } from "../run/browser.mjs";
import { ensureInstalled, runLoud } from "../run/install.mjs";
import { requireNode } from "../run/node-version.mjs";
import { browserEngine, nodeEngine } from "./engines.mjs";
import { BUDGETS, budgetRange, CONFIGURATIONS, compareUnderBudget, compareWithGolden } from "./matrix.mjs";
import { RANDOM_MODELS, ROOT, readGolden } from "./models.mjs";

/** @typedef {import("./matrix.mjs").Row} Row */

const RESIDENCY_TOKENS = 16;

/**
 * Where experts come and go: Node and page, both backends, both stores. With all layers in one segment a missing
 * expert is found afterwards, and its layers are replayed; with one, before it is needed.
 * @type {ReadonlyArray<{ name: string, place: import("./engines.mjs").Place, options: import("../../src/api/options.ts").LoadOptions }>}
 */
const RESIDENCY = [
  { name: "WASM in Node, memory store", place: "node", options: { backend: "wasm", store: "memory" } },
  { name: "WASM in the page, memory store", place: "browser", options: { backend: "wasm", store: "memory" } },
  {
    name: "WASM in the page, IndexedDB",
    place: "browser",
    options: { backend: "wasm", store: "indexeddb" },
  },
  {
    name: "WebGPU, all layers a segment, memory store",
    place: "browser",
    options: { backend: "webgpu", segmentLayers: "all", store: "memory" },
  },
  {
    name: "WebGPU, 1 layer a segment, IndexedDB",
    place: "browser",
    options: { backend: "webgpu", segmentLayers: 1, store: "indexeddb" },
  },
];

/**
 * Runs a group of comparisons; what throws is a failed row, and the rest goes on.
 * @param {Row[]} rows @param {string} name @param {() => Promise<Row[]>} compare
 */
async function group(rows, name, compare) {
  const began = performance.now();
  /** @type {Row[]} */
  let found;
  try {
    found = await compare();
  } catch (error) {
    found = [
      {
        name,
        passed: false,
        detail: error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error),
      },
    ];
  }
  rows.push(...found);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const failed = found.filter(({ passed }) => !passed);
  console.log(`${failed.length === 0 ? "pass" : "FAIL"}  ${name}  (${found.length} rows, ${seconds} s)`);
  for (const row of failed) console.log(`      ${row.name}: ${row.detail}`);
}

/**
 * @param {Record<"node" | "browser", import("./engines.mjs").Engine>} engines
 * @param {import("./engines.mjs").Place} [only]
 * @returns {Promise<Row[]>}
 */
async function product(engines, only) {
  /** @param {{ place: import("./engines.mjs").Place }} configuration */
  const wanted = ({ place }) => only === undefined || place === only;
  /** @type {Row[]} */
  const rows = [];
  const names = ["embedded", ...RANDOM_MODELS.map(({ name }) => name)];
  const goldens = await Promise.all(names.map(readGolden));
  for (const configuration of Object.values(CONFIGURATIONS).filter(wanted)) {
    for (const golden of goldens) {
      await group(rows, `${golden.model.name} · ${configuration.name}`, () =>
        compareWithGolden(engines[configuration.place], configuration, golden),
      );
    }
  }
  const embedded = await readGolden("embedded");
  for (const configuration of RESIDENCY.filter(wanted)) {
    const engine = engines[configuration.place];
    /** @type {{ all: number, least: number } | undefined} */
    let range;
    for (const budget of BUDGETS) {
      await group(rows, `embedded · ${configuration.name} · budget ${budget}`, async () => {
        range ??= await budgetRange(engine, embedded, configuration.options);
        return compareUnderBudget(engine, configuration, embedded, budget, range, {
          tokens: RESIDENCY_TOKENS,
        });
      });
    }
  }
  return rows;
}

/** @param {readonly Row[]} rows @param {Record<string, string>} versions */
function table(rows, versions) {
  const failed = rows.filter(({ passed }) => !passed).length;
  const cell = (/** @type {string} */ text) => text.replaceAll("|", "\\|");
  return `# Conformance

Printed by \`npm run conformance\` on ${new Date().toISOString().slice(0, 10)}: ${rows.length - failed} rows pass, ${failed} fail.

${Object.entries(versions)
  .map(([name, version]) => `- ${name}: ${version}`)
  .join("\n")}

The oracle is llama.cpp, on the CPU, with F32 key and value cache and without flash attention, on the exact twin of each
model: the same quantised weights, dequantised to F32. Its greedy tokens and logits are in
\`tools/conformance/golden\`, with the margin by which each token won. WebMoE runs the quantised file. The random models
are made by \`npm run make-model\`, their seeds chosen by the oracle's margins alone. "${RESIDENCY_TOKENS} tokens" under an
expert budget are compared with the same golden tokens, so that every budget, store and backend says the same.

| case | result | |
| --- | --- | --- |
${rows.map(({ name, passed, detail }) => `| ${cell(name)} | ${passed ? "pass" : "**fail**"} | ${cell(detail)} |`).join("\n")}
`;
}

/** @param {readonly Row[]} rows @param {string} chromiumVersion */
async function writeTable(rows, chromiumVersion) {
  const { oracle } = await readGolden("embedded");
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));
  await mkdir(join(ROOT, "docs"), { recursive: true });
  const path = join(ROOT, "docs", "conformance.md");
  await writeFile(
    path,
    table(rows, {
      WebMoE: version,
      "llama.cpp": `${oracle.llamaCpp} (node-llama-cpp ${oracle.nodeLlamaCpp})`,
      Node: process.versions.node,
      Chromium: `${chromiumVersion}, WebGPU through SwiftShader`,
    }),
  );
}

requireNode();
try {
  const { values: flags } = parseArgs({
    options: { "compare-only": { type: "boolean", default: false }, only: { type: "string" } },
  });
  if (flags.only !== undefined && flags.only !== "node" && flags.only !== "browser") {
    throw new Error(`--only ${flags.only}: it is node or browser.`);
  }
  await ensureInstalled(ROOT, "what WebMoE needs");
  if (!flags["compare-only"]) await (await import("./record.mjs")).record();
  const built = await runLoud("npm", ["run", "--silent", "build"], { cwd: ROOT });
  if (built !== 0) throw new Error("The build failed; see above.");

  const browser = await launchChromium(ROOT);
  const engines = { node: await nodeEngine(), browser: await browserEngine(browser) };
  const rows = await product(engines, flags.only);
  if (flags.only === undefined) await writeTable(rows, browser.version());
  await engines.browser.close();
  await browser.close();
  const failed = rows.filter(({ passed }) => !passed).length;
  console.log(`\n${rows.length - failed} rows pass, ${failed} fail.`);
  process.exit(failed === 0 ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
