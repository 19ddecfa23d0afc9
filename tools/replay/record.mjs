// @ts-check
/**
 * `npm run replay:record -- out.wmrt`: records the routing of the embedded model (or `--model file`) while it
 * continues the prompts of `prompts.mjs` by seed, with the built library. A trace holds token ids, no text.
 *
 *   --model FILE   default: the embedded model
 *   --seeds N      continuations of each prompt (default 4)
 *   --tokens N     tokens a continuation (default 160)
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { requireNode } from "../run/node-version.mjs";
import { PROMPTS } from "./prompts.mjs";

requireNode();
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: "string", default: join(ROOT, "public", "models", "demo-moe-q4_k.gguf") },
    seeds: { type: "string", default: "4" },
    tokens: { type: "string", default: "160" },
  },
});
const [out] = positionals;
if (!out) throw new Error("Name the file to write: npm run replay:record -- out.wmrt");

/** @type {typeof import("../../src/node.ts")} */
const { WebMoE } = await import(pathToFileURL(join(ROOT, "dist", "lib", "node.js")).href).catch(() => {
  throw new Error("The library is not built: npm run build.");
});
const model = await WebMoE.load(values.model, { store: "memory", expertBudget: "all" });
const trace = await model.trace();
let tokens = 0;
for (let seed = 1; seed <= Number(values.seeds); seed++)
  for (const prompt of PROMPTS) {
    const options = { seed, temperature: 0.9, topK: 0, ignoreEos: true, maxTokens: Number(values.tokens) };
    for await (const _ of model.generate(prompt, options)) tokens++;
  }
const bytes = await trace.stop();
await model.dispose();
await writeFile(out, bytes);
console.log(`${out}: ${bytes.length} bytes, ${tokens} generated tokens.`);
