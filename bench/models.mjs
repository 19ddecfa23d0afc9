// @ts-check
/** Whole models: every engine in turn, A B C A B C, so that a slow minute of the machine slows all of them. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openBrowser, serveBench } from "./browser.mjs";
import { ENGINES } from "./engines.mjs";
import { CACHE, modelFiles } from "./files.mjs";
import { describeRun } from "./machine.mjs";
import { SPEED_MEASURES, unmeasurable } from "./measures.mjs";
import { promptSource } from "./prompts.mjs";
import { loadTurn, memoryTurn, speedTurn } from "./turns.mjs";

/**
 * @typedef {import("./files.mjs").ModelFile} ModelFile
 * @typedef {import("./results.mjs").Entry} Entry
 * @typedef {import("./turns.mjs").Work} Work
 * @typedef {import("./engines.mjs").Engine} Engine
 *
 * @typedef {object} ModelOptions
 * @property {readonly string[]} files
 * @property {readonly string[]} types
 * @property {readonly number[]} threads
 * @property {readonly string[]} engines
 * @property {boolean} softwareGpu whether WebGPU was asked for by name, and so runs on a software adapter too
 * @property {readonly string[]} measures
 * @property {number} rounds
 * @property {number} tokens generated where decode is timed
 * @property {string} command
 */

/** Prompts that only warm, of 128 tokens: one for compilers, more for experts that no prompt has asked for yet. */
const WARM_PROMPTS = 9;

/** The work of a file, the same for every engine and round. @param {ModelFile} file @param {ModelOptions} options */
async function workFor(file, { measures, tokens }) {
  const { WebMoE } = await import(pathToFileURL(join(CACHE, "lib", "node.js")).href);
  const model = await WebMoE.load(file.path, { store: "memory", expertBudget: "min", contextLength: 64 });
  try {
    const next = await promptSource(model);
    const first = { prompt: await next(16), tokens: 1 };
    /** @type {Work["speed"]} */
    const speed = {};
    for (const [name, measure] of Object.entries(SPEED_MEASURES)) {
      if (!measures.includes(name) || unmeasurable(measure, file.contextLength, tokens)) continue;
      speed[name] = { prompt: await next(measure.promptTokens), tokens: measure.decodes ? tokens : 1 };
    }
    const warm = [];
    for (let i = 0; i < WARM_PROMPTS; i++) warm.push({ prompt: await next(128), tokens: i === 0 ? 8 : 1 });
    return { first, warm, speed };
  } finally {
    await model.dispose();
  }
}

/** One cell a (measure, engine), filled round by round. */
function entryTable() {
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  return {
    /** @param {Pick<Entry, "kind" | "subject" | "measure" | "threads">} what @param {string} engine @param {string} run */
    cell(what, engine, run) {
      const key = JSON.stringify(what);
      const entry = entries.get(key) ?? { ...what, cells: {}, run };
      entries.set(key, entry);
      const cell = entry.cells[engine] ?? {};
      entry.cells[engine] = cell;
      return cell;
    },
    list: () => [...entries.values()],
  };
}

/** @param {unknown} error */
const reason = (error) => (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";

/**
 * @param {ModelOptions} options
 * @param {(records: Entry[], runs: Record<string, import("./results.mjs").Run>) => Promise<void>} save called whenever something is complete
 */
export async function benchModels(options, save) {
  const files = await modelFiles(options.files, options.types);
  const site = await serveBench(files);
  const open = () => openBrowser(site.url);
  const browser = await open();
  try {
    const look = await browser.open();
    const adapter = await look.call("benchAdapter");
    await look.close();
    const run = await describeRun(options.command, {
      browser: browser.version,
      adapter: adapter ? adapter.name : "none",
    });
    const id = `${run.date} ${options.command}`;
    const runs = { [id]: run };
    const gpuRuns = adapter && (!adapter.software || options.softwareGpu);
    const gpuReason = adapter
      ? `only a software adapter here (${adapter.name}): run it with --engines webgpu`
      : "no WebGPU adapter here";

    /** Runs a turn; a failure is a result too. @param {string} what @param {() => Promise<void>} turn @param {(text: string) => void} failed */
    const attempt = async (what, turn, failed) => {
      const began = performance.now();
      try {
        await turn();
        console.log(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
      } catch (error) {
        failed(reason(error));
        console.log(`${what}: ${reason(error)}`);
      }
    };
    const engines = ENGINES.filter(({ name }) => options.engines.includes(name));

    for (const file of files) {
      const subject = `${file.name} ${file.type}`;
      const asked = await workFor(file, options);
      /** @param {number} threads @returns {Work} */
      const work = (threads) => ({
        ...asked,
        threads,
        contextLength: file.contextLength,
        path: file.path,
        url: site.urlOf(file.path),
      });
      const speedMeasures = Object.keys(SPEED_MEASURES).filter((name) => options.measures.includes(name));

      for (const threads of speedMeasures.length > 0 ? options.threads : []) {
        const table = entryTable();
        /** @param {string} measure @param {Engine} engine */
        const cell = (measure, { name }) =>
          table.cell({ kind: "speed", subject, measure, threads }, name, id);
        for (let round = 0; round < options.rounds; round++) {
          for (const engine of engines) {
            if (engine.gpu && !gpuRuns) {
              for (const measure of speedMeasures) cell(measure, engine).error = gpuReason;
              continue;
            }
            await attempt(
              `${subject}, ${threads} thread(s), round ${round + 1}: ${engine.label}`,
              async () => {
                const { speeds, facts } = await speedTurn(browser, engine, work(threads));
                for (const measure of speedMeasures) {
                  const one = cell(measure, engine);
                  const { [measure]: shape } = SPEED_MEASURES;
                  const why = shape && unmeasurable(shape, file.contextLength, options.tokens);
                  if (why) one.error = why;
                  else {
                    one.values ??= [];
                    one.values[round] = speeds[measure];
                  }
                  one.ran = [facts.ran, facts.caution].filter(Boolean).join("; ");
                  if (facts.tokenBytes) {
                    const activeBytes = facts.tokenBytes - file.embeddingBytes;
                    one.facts = { activeBytes, adapter: facts.adapter };
                  }
                }
              },
              (text) => {
                for (const measure of speedMeasures) cell(measure, engine).error = text;
              },
            );
          }
        }
        await save(table.list(), runs);
      }

      const paged = engines.filter(({ page, gpu }) => page && (!gpu || gpuRuns));
      if (options.measures.includes("load")) {
        const table = entryTable();
        for (let round = 0; round < options.rounds; round++) {
          for (const engine of paged) {
            const cells = ["load-first", "load-second"].map((measure) =>
              table.cell({ kind: "load", subject, measure }, engine.name, id),
            );
            await attempt(
              `${subject}, load, round ${round + 1}: ${engine.label}`,
              async () => {
                const { cold, second, facts } = await loadTurn(open, engine, work(1));
                [cold, second].forEach((value, i) => {
                  const one = cells[i];
                  if (!one) return;
                  one.values ??= [];
                  one.values[round] = value;
                  one.ran = facts.ran;
                });
              },
              (text) => {
                for (const one of cells) one.error = text;
              },
            );
          }
        }
        await save(table.list(), runs);
      }
      if (options.measures.includes("memory")) {
        const table = entryTable();
        const variants = paged.flatMap((engine) =>
          engine.page === "webmoe"
            ? [
                { engine, name: `${engine.name}, all`, more: {} },
                { engine, name: `${engine.name}, 25%`, more: { expertBudget: "25%", hostBudget: 0 } },
              ]
            : [{ engine, name: engine.name, more: {} }],
        );
        for (let round = 0; round < options.rounds; round++) {
          for (const { engine, name, more } of variants) {
            const one = table.cell({ kind: "memory", subject, measure: "peak" }, name, id);
            await attempt(
              `${subject}, memory, round ${round + 1}: ${name}`,
              async () => {
                const { facts, ...seen } = await memoryTurn(open, engine, work(1), more);
                one.values ??= [];
                one.values[round] = seen.peakBytes;
                one.ran = facts.ran;
                const { emptyBytes, byKind } = seen;
                one.facts = { emptyBytes, byKind, fileBytes: file.byteLength, memory: facts.memory };
              },
              (text) => {
                one.error = text;
              },
            );
          }
        }
        await save(table.list(), runs);
      }
    }
  } finally {
    await browser.close();
    await site.close();
  }
}
