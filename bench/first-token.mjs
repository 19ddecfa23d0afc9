// @ts-check
/**
 * `npm run bench:first-token`: bytes and seconds from nothing to the first token over a slow link, beside what must be
 * fetched at least, downloading everything first, and wllama. Writes FIRST-TOKEN.md.
 */
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { readGguf } from "../tools/make-model/gguf-reader.mjs";
import { EMBEDDED_MODEL } from "../tools/make-model/index.mjs";
import { ensureInstalled } from "../tools/run/install.mjs";
import { openBrowser, serveBench } from "./browser.mjs";
import { buildLibrary } from "./build-library.mjs";
import { CACHE, ROOT } from "./files.mjs";
import { describeRun } from "./machine.mjs";
import { promptSource } from "./prompts.mjs";
import { serveSlowly } from "./slow-link.mjs";
import { median } from "./statistics.mjs";

const PROMPT_LENGTHS = [1, 12, 50, 200];

/** Bytes of the file that loading and a first token cannot do without, given how many experts the prompt uses. */
async function fileShares() {
  const { bytes, tensors } = await readGguf(EMBEDDED_MODEL);
  const inOrder = [...tensors].sort((a, b) => a.offset - b.offset);
  let expertBytes = 0;
  for (const [i, { name, offset }] of inOrder.entries())
    if (name.includes("_exps.")) expertBytes += (inOrder[i + 1]?.offset ?? bytes.length) - offset;
  return { fileBytes: bytes.length, expertBytes, otherBytes: bytes.length - expertBytes };
}

/**
 * Prompts, and how many experts each routes to: those that are on the device after its first token.
 * @param {import("./prompts.mjs").Prompt[]} prompts @param {any} WebMoE
 */
async function expertsOf(prompts, WebMoE) {
  const shares = [];
  for (const { ids } of prompts) {
    const model = await WebMoE.load(EMBEDDED_MODEL, { expertBudget: "all" });
    for await (const _ of model.generate(ids, { maxTokens: 1, temperature: 0, ignoreEos: true }));
    const { layerCount, expertCount } = model.info;
    shares.push((await model.stats()).residentExperts / (layerCount * expertCount));
    await model.dispose();
  }
  return shares;
}

const mb = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(2);
const seconds = (/** @type {number} */ ms) => (ms / 1000).toFixed(2);

const { values: flags } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    built: { type: "boolean", default: false },
    /** A server on the same machine, as fast as it is: prints the rows and leaves FIRST-TOKEN.md as it was. */
    local: { type: "boolean", default: false },
  },
});
const LINK = flags.local
  ? { bitsPerSecond: Number.POSITIVE_INFINITY, roundTripMs: 0 }
  : { bitsPerSecond: 20e6, roundTripMs: 50 };
const rounds = Number(flags.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds must be a whole number from 1.");

await ensureInstalled(ROOT, "what WebMoE needs");
await ensureInstalled(join(ROOT, "bench"), "wllama", { scripts: false });
if (!flags.built) await buildLibrary();
const { WebMoE } = await import(pathToFileURL(join(CACHE, "lib", "node.js")).href);

const tokenizer = await WebMoE.load(EMBEDDED_MODEL, { expertBudget: "min" });
const nextPrompt = await promptSource(tokenizer);
const prompts = [];
for (const length of PROMPT_LENGTHS) prompts.push(await nextPrompt(length));
await tokenizer.dispose();
const { fileBytes, expertBytes, otherBytes } = await fileShares();
const shares = await expertsOf(prompts, WebMoE);

const command = ["npm run bench:first-token --", ...process.argv.slice(2)].join(" ").replace(/ --$/, "");
const site = await serveBench([]);
const slow = await serveSlowly(await readFile(EMBEDDED_MODEL), LINK);
const browser = await openBrowser(site.url);
const run = await describeRun(command, { chromium: browser.version });

const engines = /** @type {const} */ ([
  { name: "webmoe", options: { backend: "wasm", activations: "f32", threads: 1 } },
  { name: "wllama", options: { n_gpu_layers: 0, n_threads: 1, n_parallel: 1, n_ctx: 512, useCache: false } },
]);

let visits = 0;
/** A first visit: an address that nothing is stored of, in a page of its own. */
async function visit(/** @type {typeof engines[number]} */ { name, options }, /** @type {any} */ prompt) {
  const page = await browser.open();
  const url = `${slow.url}${++visits}/${basename(EMBEDDED_MODEL)}`;
  slow.takeCounts();
  const { firstTokenMs } = await page.call("benchLoad", name, url, options, { prompt, tokens: 1 });
  const counts = slow.takeCounts();
  await page.call("benchClose");
  await page.close();
  return { ...counts, ms: firstTokenMs };
}

/** @type {string[]} */
const rows = [];
for (const [i, prompt] of prompts.entries()) {
  /** @type {Record<string, Awaited<ReturnType<typeof visit>>[]>} */
  const seen = { webmoe: [], wllama: [] };
  for (let round = 0; round < rounds; round++)
    for (const engine of engines) seen[engine.name]?.push(await visit(engine, prompt));
  const least = otherBytes + expertBytes * /** @type {number} */ (shares[i]);
  const medianOf = (/** @type {string} */ name, /** @type {"ms" | "bytes" | "requests"} */ field) =>
    median((seen[name] ?? []).map((each) => each[field]));
  const everything = LINK.roundTripMs + (fileBytes * 8000) / LINK.bitsPerSecond;
  const bytes = medianOf("webmoe", "bytes");
  rows.push(
    `| ${[
      prompt.ids.length,
      `${Math.round(/** @type {number} */ (shares[i]) * 100)} %`,
      mb(least),
      mb(bytes),
      (bytes / least).toFixed(3),
      medianOf("webmoe", "requests"),
      seconds(medianOf("webmoe", "ms")),
      seconds(everything),
      `${mb(medianOf("wllama", "bytes"))} MB, ${seconds(medianOf("wllama", "ms"))} s`,
    ].join(" | ")} |`,
  );
  console.log(rows.at(-1));
}
await browser.close();
await slow.close();
await site.close();
if (flags.local) process.exit(0);

const text = `# From nothing to the first token over a slow link

Written by \`${command}\`, ${run.date}, commit ${run.commit}. ${run.machine.processor}, ${run.machine.system};
Chromium ${browser.version}, wllama ${run.versions.wllama}; load average ${run.loadAverage} as it began.

The embedded model (${mb(fileBytes)} MB), ${LINK.bitsPerSecond / 1e6} Mbit/s shared by all connections, ${LINK.roundTripMs} ms before each answer; a
page and an address of its own each time, IndexedDB and background completion as by default, one thread, f32
activations. Medians of ${rounds} visits, engines in turn. Counted are the bytes of bodies that had been sent when the first
token arrived in the page. Least: header, trunk, and the experts that the prompt's tokens are routed to.

| prompt tokens | experts used | least, MB | sent, MB | sent ÷ least | requests | first token, s | download alone, s | wllama: sent, first token |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
await writeFile(join(ROOT, "bench", "FIRST-TOKEN.md"), text);
console.log("Wrote bench/FIRST-TOKEN.md.");
process.exit(0);
