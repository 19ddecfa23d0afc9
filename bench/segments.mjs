// @ts-check
/**
 * `npm run bench:segments`: decode with segments of n layers, n fixed and n adaptive, at budgets from one slot a layer to
 * all experts. Writes SEGMENTS.md.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { EMBEDDED_MODEL } from "../tools/make-model/index.mjs";
import { ensureInstalled } from "../tools/run/install.mjs";
import { openBrowser, serveBench } from "./browser.mjs";
import { buildLibrary } from "./build-library.mjs";
import { CACHE, ROOT } from "./files.mjs";
import { describeRun } from "./machine.mjs";
import { promptSource } from "./prompts.mjs";
import { SEGMENT_LENGTHS, segmentsText } from "./segments-report.mjs";

/**
 * @typedef {import("./browser.mjs").BenchBrowser} BenchBrowser
 * @typedef {import("./browser.mjs").BenchPage} BenchPage
 * @typedef {import("./segments-report.mjs").Cell} Cell
 * @typedef {import("./segments-report.mjs").Group} Group
 * @typedef {import("./turns.mjs").Job} Job
 */

const BACKENDS = ["webgpu", "wasm"];
/** The embedded model uses 4 of 32 experts: 13 % is the first budget with four slots in every layer. */
const BUDGETS = ["min", "6%", "12%", "13%", "25%", "50%", "100%"];
const PROMPTS = 2;
const PROMPT_TOKENS = 8;
const ROUND_TRIPS = 101;
/** New tokens on WASM, which decodes hundreds a second: what comes together in one message must not decide. */
const WASM_TOKENS = 192;

/** @param {string} name @param {string} given @param {readonly string[]} allowed */
function list(name, given, allowed) {
  const items = given.split(",");
  const unknown = items.find((item) => !allowed.includes(item));
  if (unknown !== undefined) throw new Error(`--${name} ${unknown} is not one of ${allowed.join(", ")}.`);
  return items;
}

/** @param {string} name @param {string} given @param {number} least */
function count(name, given, least) {
  const value = Number(given);
  if (!Number.isInteger(value) || value < least)
    throw new Error(`--${name} must be a whole number from ${least}.`);
  return value;
}

/** @returns {Promise<{ jobs: Job[], expertsPerToken: number, layerCount: number }>} */
async function sharedWork(/** @type {number} */ tokens) {
  const { WebMoE } = await import(pathToFileURL(join(CACHE, "lib", "node.js")).href);
  const model = await WebMoE.load(EMBEDDED_MODEL, { expertBudget: "min" });
  const next = await promptSource(model);
  const jobs = [];
  for (let i = 0; i < PROMPTS; i++) jobs.push({ prompt: await next(PROMPT_TOKENS), tokens });
  const { expertsPerToken, layerCount } = model.info;
  await model.dispose();
  return { jobs, expertsPerToken, layerCount };
}

/** All jobs once on one page: milliseconds a decoded token, what the counters counted, and the tokens. */
async function turn(/** @type {BenchPage} */ page, /** @type {readonly Job[]} */ jobs) {
  const before = await page.call("benchStats");
  let decodeMs = 0;
  /** @type {number[]} */
  const ids = [];
  for (const job of jobs) {
    const seen = await page.call("benchGenerate", job);
    decodeMs += ((job.tokens - 1) * 1000) / seen.decodeTokensPerSecond;
    ids.push(...seen.ids);
  }
  const after = await page.call("benchStats");
  const since = (/** @type {string} */ name) => after[name] - before[name];
  return {
    ids,
    msPerToken: decodeMs / since("decodedTokens"),
    decodedTokens: since("decodedTokens"),
    layerExecutions: since("layerExecutions"),
    replays: since("replays"),
    readbacks: since("readbacks"),
    expertHits: since("expertHits"),
    expertMisses: since("expertMisses"),
    slotsPerLayer: /** @type {readonly number[]} */ (after.slotsPerLayer),
  };
}

/**
 * Every length of segments at one budget, in turn. Each has a page, an engine and a cache of its own, all with the same
 * history: the jobs once untimed, then once a round.
 * @param {{ browser: BenchBrowser, url: string, backend: string, budget: string, rounds: number }} where
 * @param {Awaited<ReturnType<typeof sharedWork>>} work
 * @returns {Promise<Group>}
 */
async function measureGroup(
  { browser, url, backend, budget, rounds },
  { jobs, expertsPerToken, layerCount },
) {
  /** @type {{ length: string, page: BenchPage, promptReadbacks: number, turns: Awaited<ReturnType<typeof turn>>[] }[]} */
  const entrants = [];
  /** @type {string | undefined} */
  let expected;
  const sameTokens = (/** @type {readonly number[]} */ ids, /** @type {string} */ length) => {
    expected ??= ids.join();
    if (ids.join() !== expected)
      throw new Error(
        `${backend}, ${budget}: segments of ${length} gave other tokens than ${SEGMENT_LENGTHS[0]}.`,
      );
  };
  const prompts = jobs.map((job) => ({ ...job, tokens: 1 }));
  try {
    for (const length of SEGMENT_LENGTHS) {
      const page = await browser.open();
      const entrant = { length, page, promptReadbacks: 0, turns: [] };
      entrants.push(entrant);
      const options = {
        ...{ backend, expertBudget: budget, counted: true, threads: 1, contextLength: 256 },
        ...{ store: "memory", completeInBackground: false },
        segmentLayers: Number(length) || length,
      };
      await page.call("benchLoad", "webmoe", url, options, jobs[0]);
      sameTokens((await turn(page, jobs)).ids, length);
      // A prompt is read back layer by layer: as often each time.
      const { readbacks: before } = await page.call("benchStats");
      for (const job of prompts) await page.call("benchGenerate", job);
      entrant.promptReadbacks = (await page.call("benchStats")).readbacks - before;
    }
    for (let round = 0; round < rounds; round++)
      for (const { page, length, turns } of entrants) {
        const seen = await turn(page, jobs);
        sameTokens(seen.ids, length);
        turns.push(seen);
      }
    for (const { page } of entrants) await page.call("benchClose");
  } finally {
    for (const { page } of entrants) await page.close();
  }
  return {
    backend,
    budget,
    layerCount,
    // The least at the end: slots move between generations.
    leastSlots: Math.min(...entrants.flatMap(({ turns }) => turns.flatMap((seen) => seen.slotsPerLayer))),
    expertsPerToken,
    cells: entrants.map(({ length, promptReadbacks, turns }) => {
      const sum = (/** @type {Exclude<keyof typeof turns[number], "ids" | "slotsPerLayer">} */ name) =>
        turns.reduce((total, seen) => total + seen[name], 0);
      const tokens = sum("decodedTokens");
      return {
        length,
        tokensPerSecond: turns.map(({ msPerToken }) => 1000 / msPerToken),
        readbacks: (sum("readbacks") - promptReadbacks * turns.length) / tokens,
        layerExecutions: sum("layerExecutions") / tokens,
        replays: sum("replays") / tokens,
        hitRate: sum("expertHits") / (sum("expertHits") + sum("expertMisses")),
      };
    }),
  };
}

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    tokens: { type: "string", default: "48" },
    backends: { type: "string", default: BACKENDS.join() },
    budgets: { type: "string", default: BUDGETS.join() },
    built: { type: "boolean", default: false },
  },
});
const rounds = count("rounds", flags.rounds, 1);
const tokens = count("tokens", flags.tokens, 2);
const backends = list("backends", flags.backends, BACKENDS);
const budgets = list("budgets", flags.budgets, BUDGETS);

await ensureInstalled(ROOT, "what WebMoE needs");
await ensureInstalled(join(ROOT, "bench"), "wllama", { scripts: false });
if (!flags.built) await buildLibrary();

const command = ["npm run bench:segments --", ...process.argv.slice(2)].join(" ").replace(/ --$/, "");
const work = await sharedWork(tokens);
const site = await serveBench([{ path: EMBEDDED_MODEL }]);
const browser = await openBrowser(site.url);
const look = await browser.open();
const adapter = await look.call("benchAdapter");
const roundTripMs = adapter ? await look.call("benchRoundTrip", ROUND_TRIPS) : undefined;
await look.close();
const run = await describeRun(command, { chromium: browser.version, adapter: adapter?.name ?? "none" });

const asked = { rounds, tokens, prompts: PROMPTS, promptTokens: PROMPT_TOKENS, wasmTokens: WASM_TOKENS };
/** @type {Group[]} */
const groups = [];
const able = backends.filter((backend) => backend !== "webgpu" || adapter);
for (const budget of budgets)
  for (const backend of able) {
    const group = await measureGroup(
      { browser, url: site.urlOf(EMBEDDED_MODEL), backend, budget, rounds },
      work,
    );
    groups.push(group);
    // A run takes long: what is complete is kept.
    await writeFile(join(ROOT, "bench", "SEGMENTS.md"), segmentsText(groups, run, asked, roundTripMs));
    for (const { length, tokensPerSecond, readbacks, layerExecutions, replays, hitRate } of group.cells)
      console.log(
        [
          `${backend}, ${budget}, n = ${length}: ${tokensPerSecond.map((each) => each.toFixed(2)).join(" ")} tokens/s`,
          `${readbacks.toFixed(2)} readbacks, ${layerExecutions.toFixed(2)} layers, ${replays.toFixed(2)} replays a token`,
          `hit rate ${hitRate.toFixed(3)}`,
        ].join("; "),
      );
  }
await browser.close();
await site.close();
console.log("Wrote bench/SEGMENTS.md.");
process.exit(0);
