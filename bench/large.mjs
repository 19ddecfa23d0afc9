// @ts-check
/**
 * `npm run bench:large`: a model beyond 4 GiB on WASM with 256 MB for experts, in a page as a user would have it and in
 * Node. Fails if a token differs between budgets or a budget is exceeded. Writes LARGE.md.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ensureInstalled, runQuiet } from "../tools/run/install.mjs";
import { serveBench } from "./browser.mjs";
import { buildLibrary } from "./build-library.mjs";
import { CACHE, largeFile, ROOT } from "./files.mjs";
import { largeText } from "./large-report.mjs";
import { describeRun } from "./machine.mjs";
import { familyPss, watchPeak } from "./processes.mjs";
import { promptSource } from "./prompts.mjs";
import { REST_MS } from "./turns.mjs";
import { openUnwatchedBrowser } from "./unwatched-browser.mjs";

/**
 * @typedef {import("./browser.mjs").BenchBrowser} BenchBrowser
 * @typedef {import("./browser.mjs").BenchPage} BenchPage
 * @typedef {import("./large-report.mjs").PageRun} PageRun
 * @typedef {import("./turns.mjs").Job} Job
 */

const BUDGET_BYTES = 256e6;
const HOST_BYTES = 64e6;
/** What the tokens of the small budget are compared with. */
const OTHER_BUDGET_BYTES = 1e9;
const CONTEXT_LENGTH = 512;

/** What every run computes: the first token at once, as a user would, then an answer. */
async function sharedWork(/** @type {string} */ path, /** @type {number} */ tokens) {
  const { WebMoE } = await import(pathToFileURL(join(CACHE, "lib", "node.js")).href);
  const model = await WebMoE.load(path, { expertBudget: "min", contextLength: CONTEXT_LENGTH });
  const next = await promptSource(model);
  const first = { prompt: await next(16), tokens: 1 };
  const answer = { prompt: await next(16), tokens };
  const { info } = model;
  await model.dispose();
  return { first, answer, info };
}

const OPTIONS = {
  backend: "wasm",
  expertBudget: BUDGET_BYTES,
  hostBudget: HOST_BYTES,
  contextLength: CONTEXT_LENGTH,
};

/** Peaks of a stretch of work over the empty page's sizes. @param {BenchBrowser} browser @param {Awaited<ReturnType<typeof familyPss>>} empty */
async function watched(browser, empty, /** @type {() => Promise<void>} */ work) {
  const watch = watchPeak(browser.processId);
  /** @type {Awaited<ReturnType<typeof familyPss>> | undefined} */
  let peak;
  try {
    await work();
  } finally {
    peak = await watch.stop();
  }
  const kinds = Object.entries(peak.byKind).map(([kind, bytes]) => [kind, bytes - (empty.byKind[kind] ?? 0)]);
  return {
    bytes: peak.total - empty.total,
    byKind: /** @type {Record<string, number>} */ (Object.fromEntries(kinds)),
  };
}

/**
 * A first visit, its store getting whole in idle time, and a second visit from the store.
 * @param {BenchBrowser} browser @param {string} url @param {{ first: Job, answer: Job }} work
 */
async function visits(browser, url, { first, answer }) {
  const page = await browser.open();
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const empty = await familyPss(browser.processId);
  /** @param {BenchPage} at @returns {Promise<PageRun>} */
  const answering = async (at) => {
    /** @type {any} */
    let loaded;
    /** @type {any} */
    let answered;
    const peak = await watched(browser, empty, async () => {
      loaded = await at.call("benchLoad", "webmoe", url, { ...OPTIONS, counted: true }, first);
      answered = await at.call("benchGenerate", answer);
    });
    const { ids, decodeTokensPerSecond } = answered;
    const { firstTokenMs, facts } = loaded;
    const stats = await at.call("benchStats");
    return { ids: [...loaded.ids, ...ids], decodeTokensPerSecond, firstTokenMs, facts, stats, peak };
  };
  const firstVisit = await answering(page);
  console.log(`First visit: ${firstVisit.decodeTokensPerSecond.toFixed(2)} tokens/s. Completing its store …`);
  const began = performance.now();
  let whole = false;
  const completing = await watched(browser, empty, async () => {
    whole = await page.call("benchStored");
  });
  if (!whole) throw new Error("The store did not get whole.");
  const seconds = (performance.now() - began) / 1000;
  const { storedIn, networkBytes } = await page.call("benchStats");
  await page.call("benchClose");
  await page.close();
  console.log("Second visit …");
  const again = await browser.open();
  const secondVisit = await answering(again);
  await again.call("benchClose");
  await again.close();
  return { firstVisit, completion: { peak: completing, seconds, storedIn, networkBytes }, secondVisit };
}

/** The same work in a Node process of its own. @param {string} path @param {number} expertBudget @param {Job[]} jobs */
async function inNode(path, expertBudget, jobs) {
  const script = fileURLToPath(new URL("large-node.mjs", import.meta.url));
  const { backend, ...options } = { ...OPTIONS, expertBudget };
  const { code, output } = await runQuiet(process.execPath, [
    script,
    JSON.stringify({ path, options, jobs }),
  ]);
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  if (code !== 0 || !last.startsWith("{")) throw new Error(`Node failed:\n${output.trim().slice(-500)}`);
  /** @type {import("./large-report.mjs").NodeRun} */
  const run = { ...JSON.parse(last), expertBudget };
  return run;
}

const { values: flags } = parseArgs({
  options: { tokens: { type: "string", default: "16" }, built: { type: "boolean", default: false } },
});
const tokens = Number(flags.tokens);
if (!Number.isInteger(tokens) || tokens < 2) throw new Error("--tokens must be a whole number from 2.");

await ensureInstalled(ROOT, "what WebMoE needs");
await ensureInstalled(join(ROOT, "bench"), "wllama", { scripts: false });
if (!flags.built) await buildLibrary();
const file = await largeFile();

const command = ["npm run bench:large --", ...process.argv.slice(2)].join(" ").replace(/ --$/, "");
const work = await sharedWork(file.path, tokens);
const nodes = [];
for (const budget of [BUDGET_BYTES, OTHER_BUDGET_BYTES]) {
  console.log(`Node, ${budget / 1e6} MB for experts …`);
  nodes.push(await inNode(file.path, budget, [work.first, work.answer]));
}

const site = await serveBench([file]);
const browser = await openUnwatchedBrowser(site.url);
const run = await describeRun(command, { chromium: browser.version });
console.log("Chromium, first visit …");
const seen = await visits(browser, site.urlOf(file.path), work).finally(() => browser.close());
await site.close();

const runs = [seen.firstVisit, seen.secondVisit, ...nodes];
const expected = nodes[1]?.ids.join();
if (runs.some(({ ids }) => ids.join() !== expected))
  throw new Error(`Tokens differ:\n${runs.map(({ ids }) => ids.join(" ")).join("\n")}`);
for (const { stats } of [seen.firstVisit, seen.secondVisit, ...nodes.slice(0, 1)])
  if (stats.peakExpertBytes > BUDGET_BYTES)
    throw new Error(`Experts took ${stats.peakExpertBytes} bytes of ${BUDGET_BYTES}.`);

const asked = { tokens, budgetBytes: BUDGET_BYTES, hostBytes: HOST_BYTES, contextLength: CONTEXT_LENGTH };
await writeFile(
  join(ROOT, "bench", "LARGE.md"),
  largeText({ file, info: work.info, ...seen, nodes }, run, asked),
);
console.log("Wrote bench/LARGE.md.");
process.exit(0);
