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
import { openUnwatchedBrowser } from "./unwatched-browser.mjs";

/**
 * @typedef {import("./files.mjs").ModelFile} ModelFile
 * @typedef {import("./results.mjs").Entry} Entry
 * @typedef {import("./results.mjs").Cell} Cell
 * @typedef {import("./results.mjs").Run} Run
 * @typedef {import("./browser.mjs").BenchBrowser} BenchBrowser
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

/**
 * The work of a file, the same for every engine and round.
 * @param {ModelFile} file @param {Pick<ModelOptions, "measures" | "tokens">} options @param {string} library its folder
 */
export async function workFor(file, { measures, tokens }, library = join(CACHE, "lib")) {
  const { WebMoE } = await import(pathToFileURL(join(library, "node.js")).href);
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

/** @param {unknown} error */
const reason = (error) => (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";

/**
 * @typedef {object} Session what the measures of a file share
 * @property {ModelFile} file
 * @property {string} subject the file's name in results
 * @property {(threads: number) => Work} work
 * @property {readonly Engine[]} engines that were asked for
 * @property {(engine: Engine) => string | undefined} unable why an engine does not run here
 * @property {() => Promise<BenchBrowser>} open a browser without history, which nobody watches
 * @property {BenchBrowser} browser that all speeds are measured in
 * @property {ModelOptions} options
 * @property {string} run
 */

/**
 * A cell for each (measure, engine), filled round by round.
 * @param {Pick<Session, "subject" | "run">} session @param {Entry["kind"]} kind @param {number} [threads]
 */
function entryTable({ subject, run }, kind, threads) {
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  return {
    /** @param {string} measure @param {string} engine @returns {Cell} */
    cell(measure, engine) {
      const entry = entries.get(measure) ?? {
        kind,
        subject,
        measure,
        ...(threads && { threads }),
        cells: {},
        run,
      };
      entries.set(measure, entry);
      const cell = entry.cells[engine] ?? {};
      entry.cells[engine] = cell;
      return cell;
    },
    list: () => [...entries.values()],
  };
}

/** @param {Cell} cell @param {number} round @param {number | undefined} value */
function put(cell, round, value) {
  cell.values ??= [];
  cell.values[round] = value;
}

/**
 * An engine's turn. A failure is a result too, of the cells that it leaves without a value.
 * @param {string} what @param {readonly Cell[]} cells @param {() => Promise<void>} turn
 */
async function attempt(what, cells, turn) {
  const began = performance.now();
  try {
    await turn();
    console.log(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  } catch (error) {
    for (const cell of cells) cell.error = reason(error);
    console.log(`${what}: ${reason(error)}`);
  }
}

/** @param {Session} session @param {number} threads */
async function measureSpeed(session, threads) {
  const { file, subject, engines, options } = session;
  const measures = Object.entries(SPEED_MEASURES).filter(([name]) => options.measures.includes(name));
  const table = entryTable(session, "speed", threads);
  for (let round = 0; round < options.rounds; round++) {
    for (const engine of engines) {
      const cells = measures.map(([name, measure]) => {
        const cell = table.cell(name, engine.name);
        const why = session.unable(engine) ?? unmeasurable(measure, file.contextLength, options.tokens);
        if (why) cell.error = why;
        return { name, cell, measured: why === undefined };
      });
      const measured = cells.filter((one) => one.measured);
      if (measured.length === 0) continue;
      await attempt(
        `${subject}, ${threads} thread(s), round ${round + 1}: ${engine.label}`,
        measured.map(({ cell }) => cell),
        async () => {
          const { speeds, facts } = await speedTurn(session.browser, engine, session.work(threads));
          for (const { name, cell } of measured) {
            put(cell, round, speeds[name]);
            cell.ran = [facts.ran, facts.caution].filter(Boolean).join("; ");
            if (!facts.tokenBytes) continue;
            cell.facts = { activeBytes: facts.tokenBytes - file.embeddingBytes, adapter: facts.adapter };
          }
        },
      );
    }
  }
  return table.list();
}

/** @param {Session} session */
async function measureLoad(session) {
  const { subject, engines, options } = session;
  const table = entryTable(session, "load");
  for (let round = 0; round < options.rounds; round++) {
    for (const engine of engines.filter(({ page }) => page)) {
      const [first, second] = [table.cell("load-first", engine.name), table.cell("load-second", engine.name)];
      const why = session.unable(engine);
      if (why) {
        first.error = why;
        second.error = why;
        continue;
      }
      await attempt(`${subject}, load, round ${round + 1}: ${engine.label}`, [first, second], async () => {
        const { facts, ...ms } = await loadTurn(session.open, engine, session.work(1));
        put(first, round, ms.first);
        put(second, round, ms.second);
        first.ran = facts.ran;
      });
    }
  }
  return table.list();
}

/** An engine with all experts and with a quarter of them, where it has such a choice. @param {Engine} engine */
const memoryVariants = (engine) =>
  engine.page === "webmoe"
    ? [
        { engine, name: `${engine.name}, all`, more: {} },
        { engine, name: `${engine.name}, 25%`, more: { expertBudget: "25%", hostBudget: 0 } },
      ]
    : [{ engine, name: engine.name, more: {} }];

/** @param {Session} session */
async function measureMemory(session) {
  const { file, subject, engines, options } = session;
  const table = entryTable(session, "memory");
  for (let round = 0; round < options.rounds; round++) {
    for (const { engine, name, more } of engines.filter(({ page }) => page).flatMap(memoryVariants)) {
      const cell = table.cell("peak", name);
      const why = session.unable(engine);
      if (why) {
        cell.error = why;
        continue;
      }
      await attempt(`${subject}, memory, round ${round + 1}: ${name}`, [cell], async () => {
        const { facts, peakBytes, ...seen } = await memoryTurn(session.open, engine, session.work(1), more);
        put(cell, round, peakBytes);
        cell.ran = facts.ran;
        cell.facts = { ...seen, fileBytes: file.byteLength, memory: facts.memory };
      });
    }
  }
  return table.list();
}

/**
 * @param {ModelOptions} options
 * @param {(records: Entry[], runs: Record<string, Run>) => Promise<void>} save called whenever something is complete
 */
export async function benchModels(options, save) {
  const files = await modelFiles(options.files, options.types);
  const site = await serveBench(files);
  const browser = await openBrowser(site.url);
  try {
    const look = await browser.open();
    const adapter = await look.call("benchAdapter");
    await look.close();
    const described = await describeRun(options.command, {
      browser: browser.version,
      adapter: adapter
        ? [adapter.name, ...adapter.lacks.map((/** @type {string} */ name) => `no ${name}`)].join(", ")
        : "none",
    });
    const run = `${described.date} ${options.command}`;
    /** @param {Engine} engine */
    const unable = ({ gpu }) => {
      if (!gpu || (adapter && (!adapter.software || options.softwareGpu))) return undefined;
      return adapter
        ? `only a software adapter here (${adapter.name}): run it with --engines webgpu`
        : "no WebGPU adapter here";
    };
    const engines = ENGINES.filter(({ name }) => options.engines.includes(name));
    for (const file of files) {
      const { contextLength, path } = file;
      const asked = await workFor(file, options);
      /** @type {Session} */
      const session = {
        file,
        subject: `${file.name} ${file.type}`,
        work: (threads) => ({ ...asked, threads, contextLength, path, url: site.urlOf(path) }),
        engines,
        unable,
        open: () => openUnwatchedBrowser(site.url),
        browser,
        options,
        run,
      };
      const speeds = Object.keys(SPEED_MEASURES).some((name) => options.measures.includes(name));
      for (const threads of speeds ? options.threads : []) {
        await save(await measureSpeed(session, threads), { [run]: described });
      }
      if (options.measures.includes("load")) await save(await measureLoad(session), { [run]: described });
      if (options.measures.includes("memory")) await save(await measureMemory(session), { [run]: described });
    }
  } finally {
    await browser.close();
    await site.close();
  }
}
