// @ts-check
/** A process of its own, so that its peak is its own: generates with a model file in Node and prints what it saw as JSON. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CACHE } from "./files.mjs";

/** @type {{ path: string, options: object, jobs: import("./turns.mjs").Job[] }} */
const { path, options, jobs } = JSON.parse(process.argv[2] ?? "");
const { WebMoE } = await import(pathToFileURL(join(CACHE, "lib", "node.js")).href);

/** Of the resident set, which Node alone fills: the file is read, not mapped. */
const peakBytes = () => process.resourceUsage().maxRSS * 1024;

const empty = peakBytes();
const model = await WebMoE.load(path, { backend: "wasm", ...options });
/** @type {number[]} */
const ids = [];
for (const { prompt, tokens } of jobs) {
  const settings = { temperature: 0, ignoreEos: true, maxTokens: tokens };
  for await (const { id } of model.generate(prompt.ids, settings)) ids.push(id);
}
const stats = await model.stats();
await model.dispose();
console.log(JSON.stringify({ ids, stats, peakBytes: peakBytes() - empty }));
