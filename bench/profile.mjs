// @ts-check
/** Where the time of the WASM engines goes: one thread's samples while it reads a prompt or writes an answer. */
import { join } from "node:path";
import { openBrowser, serveBench } from "./browser.mjs";
import { buildLibrary } from "./build-library.mjs";
import { ENGINES } from "./engines.mjs";
import { CACHE, modelFiles } from "./files.mjs";
import { describeRun } from "./machine.mjs";
import { SPEED_MEASURES, unmeasurable } from "./measures.mjs";
import { workFor } from "./models.mjs";
import { sampled } from "./trace.mjs";
import { warmUp } from "./turns.mjs";

/**
 * @typedef {import("./trace.mjs").Sample} Sample
 * @typedef {import("./results.mjs").Entry} Entry
 *
 * @typedef {object} ProfileOptions
 * @property {readonly string[]} files
 * @property {readonly string[]} types
 * @property {readonly string[]} engines
 * @property {readonly string[]} measures
 * @property {number} tokens
 * @property {string} command
 */

/** A kernel by its name, the rest by what it is. @param {Sample} sample */
function placeOf({ name, url }) {
  if (name === "(idle)") return "waiting";
  if (/\.wasm$/.test(url)) return name.split("/").at(-1) ?? name;
  return "JavaScript";
}

/**
 * Milliseconds by place of the busiest thread, in the last `span` milliseconds of its work: a sampler that has just begun
 * is work too, for the thread.
 * @param {readonly Sample[][]} threads @param {number} span
 */
export function timeByPlace(threads, span) {
  const works = (/** @type {Sample} */ sample) => placeOf(sample) !== "waiting";
  const busy = (/** @type {readonly Sample[]} */ samples) =>
    samples.reduce((sum, sample) => sum + (works(sample) ? sample.taken : 0), 0);
  const thread = [...threads].sort((a, b) => busy(b) - busy(a))[0] ?? [];
  const ended = thread.findLast(works)?.ms ?? 0;
  /** @type {Record<string, number>} */
  const places = {};
  for (const sample of thread) {
    if (sample.ms <= ended - span || sample.ms > ended) continue;
    const place = placeOf(sample);
    places[place] = (places[place] ?? 0) + sample.taken;
  }
  return places;
}

/** Engines that can be sampled. */
export const PROFILED = ["wasm-f32", "wasm-int8"];

/**
 * @param {ProfileOptions} options
 * @param {(records: Entry[], runs: Record<string, import("./results.mjs").Run>) => Promise<void>} save
 */
export async function benchProfile(options, save) {
  const { files: names, types, engines, measures, tokens, command } = options;
  const library = join(CACHE, "lib-named");
  process.env.WEBMOE_WASM_NAMES = "1";
  await buildLibrary(library);
  const files = await modelFiles(names, types);
  const site = await serveBench(files, library);
  const browser = await openBrowser(site.url);
  try {
    const run = await describeRun(command, { browser: browser.version });
    const id = `${run.date} ${command}`;
    for (const file of files) {
      const { contextLength, path } = file;
      const asked = await workFor(file, { measures, tokens }, library);
      const work = { ...asked, threads: 1, contextLength, path, url: site.urlOf(path) };
      for (const engine of ENGINES.filter(({ name }) => engines.includes(name))) {
        const page = await browser.open();
        try {
          await warmUp(page, engine, work);
          const session = await page.inspect?.();
          if (!session) throw new Error("This browser cannot be sampled.");
          /** @type {Entry[]} */
          const entries = [];
          for (const [name, job] of Object.entries(work.speed)) {
            const measure = SPEED_MEASURES[name];
            if (!measure || unmeasurable(measure, contextLength, tokens)) continue;
            const { result, threads } = await sampled(session, async () => {
              await page.call("benchGenerate", { ...work.first, tokens: 2 });
              return page.call("benchGenerate", job);
            });
            const { firstMs, decodeTokensPerSecond } = result;
            const count = measure.decodes ? job.tokens - 1 : job.prompt.ids.length;
            const span = measure.decodes ? (count * 1000) / decodeTokensPerSecond : firstMs;
            const places = Object.entries(timeByPlace(threads, span));
            const cells = Object.fromEntries(places.map(([place, ms]) => [place, { values: [ms / count] }]));
            const subject = `${file.name} ${file.type}`;
            entries.push({
              kind: "profile",
              subject,
              measure: `${measure.label}, ${engine.label}`,
              cells,
              run: id,
            });
            console.log(`${subject}, ${measure.label}: ${engine.label}`);
          }
          await save(entries, { [id]: run });
        } finally {
          await page.close();
        }
      }
    }
  } finally {
    await browser.close();
    await site.close();
  }
}
