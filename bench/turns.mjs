// @ts-check
/** One engine's turn at one kind of measure. Whatever it throws is the engine's failure, and is reported as such. */

import { fileURLToPath } from "node:url";
import { runQuiet } from "../tools/run/install.mjs";
import { SPEED_MEASURES, speedOf } from "./measures.mjs";
import { familyPss, watchPeak } from "./processes.mjs";

/**
 * @typedef {import("./browser.mjs").BenchBrowser} BenchBrowser
 * @typedef {import("./browser.mjs").BenchPage} BenchPage
 * @typedef {import("./engines.mjs").Engine} Engine
 * @typedef {import("./prompts.mjs").Prompt} Prompt
 * @typedef {{ prompt: Prompt, tokens: number }} Job
 *
 * @typedef {object} Work what every engine is asked for
 * @property {string} path of the model
 * @property {string} url of the model, relative to the page
 * @property {number} threads
 * @property {number} contextLength
 * @property {Job} first
 * @property {Job[]} warm
 * @property {Record<string, Job>} speed by measure
 */

/** Warming ends after this long even if experts are missing: software GPUs. */
const WARM_LIMIT_MS = 30_000;

/** Throws unless the engine runs as it was asked to. @param {Engine} engine @param {Work} work @param {{ threads: number, activations?: string, ran: string }} facts */
function check({ activations, gpu }, { threads }, facts) {
  if (!gpu && facts.threads !== threads)
    throw new Error(`it computed on ${facts.threads} threads, not ${threads}`);
  if (activations && facts.activations !== activations) {
    throw new Error(`it has no ${activations} activations here: it ran with ${facts.activations}`);
  }
}

/** Opens a page with a loaded model. @param {BenchPage} page @param {Engine} engine @param {Work} work @param {object} more load options */
async function load(page, engine, work, more) {
  const options = { ...engine.options?.(work), ...more };
  const loaded = await page.call("benchLoad", engine.page, work.url, options, work.first);
  check(engine, work, loaded.facts);
  return loaded;
}

/** Load options under which a file is fetched over and over, and nothing but the measure goes on meanwhile. */
const QUIET = {
  webmoe: { store: "memory", completeInBackground: false },
  wllama: { useCache: true },
};

/**
 * Loads a model into a page and gets everything warm: the first prompt warms compilers, those after it bring in experts
 * that none before has asked for.
 * @param {BenchPage} page @param {Engine} engine with a module in `page/` @param {Work} work
 */
export async function warmUp(page, engine, work) {
  const { facts } = await load(page, engine, work, QUIET[engine.page ?? "webmoe"]);
  const until = performance.now() + WARM_LIMIT_MS;
  let allResident = false;
  for (const job of work.warm) {
    await page.call("benchGenerate", job);
    allResident = await page.call("benchResident");
    if (allResident || performance.now() > until) break;
  }
  return { facts, allResident };
}

/**
 * Tokens/s by measure, with everything warm: compiled, and every expert in its place.
 * @param {BenchBrowser} browser @param {Engine} engine @param {Work} work
 */
export async function speedTurn(browser, engine, work) {
  if (!engine.page) return nativeTurn(work);
  const page = await browser.open();
  try {
    const { facts, allResident } = await warmUp(page, engine, work);
    /** @type {Record<string, number | undefined>} */
    const speeds = {};
    for (const [name, job] of Object.entries(work.speed)) {
      const measure = SPEED_MEASURES[name];
      if (measure) speeds[name] = speedOf(measure, await page.call("benchGenerate", job));
    }
    await page.call("benchClose");
    return {
      speeds,
      facts: {
        ...facts,
        ...(allResident ? {} : { caution: "some experts, which no prompt had asked for, were not resident" }),
      },
    };
  } finally {
    await page.close();
  }
}

/** @param {Work} work */
async function nativeTurn({ path, threads, contextLength, warm, speed }) {
  const jobs = [
    ...warm.slice(0, 1).map((job) => ({ ...job, name: "warm", warm: true })),
    ...Object.entries(speed).map(([name, job]) => ({ ...job, name })),
  ];
  const script = fileURLToPath(new URL("native.mjs", import.meta.url));
  const turn = JSON.stringify({ path, threads, contextLength, jobs });
  const { code, output } = await runQuiet(process.execPath, [script, turn]);
  const last = output.trimEnd().split("\n").at(-1) ?? "";
  if (code !== 0 || !last.startsWith("{")) throw new Error(output.trim().slice(-500) || `exit code ${code}`);
  const { results, facts } = JSON.parse(last);
  const speeds = Object.fromEntries(
    Object.entries(SPEED_MEASURES).flatMap(([name, measure]) =>
      results[name] ? [[name, speedOf(measure, results[name])]] : [],
    ),
  );
  return { speeds, facts };
}

/**
 * Milliseconds from the call of load to the first token of a 16-token prompt: a first visit, then a second one.
 * @param {() => Promise<BenchBrowser>} open a browser without history @param {Engine} engine @param {Work} work
 */
export async function loadTurn(open, engine, work) {
  const browser = await open();
  const more = engine.page === "wllama" ? { useCache: true } : {};
  const visit = async () => {
    const page = await browser.open();
    try {
      const loaded = await load(page, engine, work, more);
      const stored = await page.call("benchStored");
      if (!stored) throw new Error("its store did not get whole");
      await page.call("benchClose");
      return loaded;
    } finally {
      await page.close();
    }
  };
  try {
    const first = await visit();
    const second = await visit();
    return { first: first.firstTokenMs, second: second.firstTokenMs, facts: first.facts };
  } finally {
    await browser.close();
  }
}

/** Time an empty page gets to come to rest. */
export const REST_MS = 1500;

/**
 * Peak bytes of all browser processes above those of an empty page: over a first visit that loads, reads 128 tokens,
 * writes 16, and completes its store.
 * @param {() => Promise<BenchBrowser>} open a browser without history @param {Engine} engine @param {Work} work
 * @param {object} more load options
 */
export async function memoryTurn(open, engine, work, more) {
  const browser = await open();
  try {
    const page = await browser.open();
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const empty = await familyPss(browser.processId);
    const watch = watchPeak(browser.processId);
    const visit = async () => {
      const { facts } = await load(page, engine, work, engine.page === "wllama" ? { useCache: true } : more);
      const [prompt] = work.warm;
      if (prompt) await page.call("benchGenerate", { ...prompt, tokens: 16 });
      await page.call("benchStored");
      return facts;
    };
    const facts = await visit().catch(async (error) => {
      await watch.stop();
      throw error;
    });
    const peak = await watch.stop();
    const kinds = Object.entries(peak.byKind).map(([kind, bytes]) => [
      kind,
      bytes - (empty.byKind[kind] ?? 0),
    ]);
    return {
      peakBytes: peak.total - empty.total,
      emptyBytes: empty.total,
      byKind: /** @type {Record<string, number>} */ (Object.fromEntries(kinds)),
      facts,
    };
  } finally {
    await browser.close();
  }
}
