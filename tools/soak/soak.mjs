// @ts-check
/** The soak itself: models come and go in one page and are used in every way, with a look at what is held between uses. */
import { createProbe } from "./probe.mjs";

/**
 * @typedef {import("../../src/api/options.ts").LoadOptions} LoadOptions
 * @typedef {import("../../src/api/info.ts").ModelInfo} ModelInfo
 * @typedef {import("../../src/api/info.ts").Stats} Stats
 *
 * @typedef {import("./probe.mjs").Seen & {
 *   seconds: number, model: number, age: number, slotBytes: number, peakExpertBytes: number
 * }} Look seconds since the soak began, and since the model was loaded
 *
 * @typedef {object} Course what happened in a soak
 * @property {number} seconds
 * @property {Look[]} looks
 * @property {{ stats: Stats, info: ModelInfo, workersLeft: number }[]} models at the end of each one's life
 * @property {Record<string, number>} done how often what was done
 * @property {number} mismatches repeated prompts with other tokens than the first time
 */

/** Room for a quarter of the embedded model: misses find some experts in RAM and others in the store. */
const HOST_BYTES = 5_000_000;

/** No store of a local server takes longer. */
const STORE_LIMIT_MS = 120_000;

const MAX_LIFE_SECONDS = 240;
/** A short soak has as many lives as let a slope be seen. */
const LEAST_LIVES = 6;
const LOOKS_A_LIFE = 24;

const sleep = (/** @type {number} */ ms) => new Promise((wake) => setTimeout(wake, ms));

/**
 * @param {Awaited<ReturnType<typeof import("../../bench/unwatched-browser.mjs").openUnwatchedBrowser>>} browser
 * @param {{ url: string, backend: "wasm" | "webgpu", contextLength: number, seconds: number, onLook: (look: Look) => void }} options
 *   `url`: of the model
 * @returns {Promise<Course>}
 */
export async function soak(browser, { url, backend, contextLength, seconds, onLook }) {
  const life = Math.min(MAX_LIFE_SECONDS, seconds / LEAST_LIVES);
  const page = await browser.open();
  const probe = await createProbe(page.debugger, browser.processId);
  /** @type {Course} */
  const course = { seconds, looks: [], models: [], done: {}, mismatches: 0 };
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  let round = 0;

  /** @type {LoadOptions} */
  const options = {
    backend,
    contextLength,
    expertBudget: "min",
    hostBudget: HOST_BYTES,
    store: "indexeddb",
  };

  while (elapsed() < seconds) {
    /** @type {ModelInfo} */
    const info = await page.call("soakOpen", url, options);
    if (info.numerics.backend !== backend) throw new Error(`It runs on ${info.numerics.backend}.`);
    /** @returns {Promise<Stats>} */
    const statsOf = () => page.call("soakStats");
    await untilStored(statsOf);
    const loaded = elapsed();
    let lastLook = loaded;
    do {
      const { done, mismatches } = await page.call("soakRound", round++);
      course.mismatches = mismatches;
      for (const what of Object.keys(done)) course.done[what] = (course.done[what] ?? 0) + done[what];
      if (elapsed() - lastLook < life / LOOKS_A_LIFE) continue;
      lastLook = elapsed();
      const { residentExpertBytes, peakExpertBytes } = await statsOf();
      const look = {
        ...(await probe.look()),
        seconds: elapsed(),
        model: course.models.length,
        age: elapsed() - loaded,
        slotBytes: residentExpertBytes,
        peakExpertBytes,
      };
      course.looks.push(look);
      onLook(look);
    } while (elapsed() < seconds && elapsed() - loaded < life);
    const stats = await statsOf();
    await page.call("soakClose");
    course.models.push({ stats, info, workersLeft: await probe.workersLeft() });
  }
  await page.close();
  return course;
}

/** Waits until the store holds the whole model, as every load after the first finds it. @param {() => Promise<Stats>} statsOf */
async function untilStored(statsOf) {
  const until = performance.now() + STORE_LIMIT_MS;
  while (performance.now() < until) {
    const { storedBytes, storableBytes } = await statsOf();
    if (storedBytes >= storableBytes) return;
    await sleep(100);
  }
  throw new Error("The model did not come into the store.");
}
