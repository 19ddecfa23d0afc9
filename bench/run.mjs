/**
 * `npm run bench`: WebMoE beside wllama (llama.cpp in WASM) in one browser, on the embedded model, with the same
 * prompt and one thread each, taking turns (A B C A B C …) so that a slow minute of the machine slows all of them.
 *
 *   --rounds N   loads per engine (default 3), each with three generations
 *   --tokens N   tokens per generation (default 64)
 */
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { launchChromium } from "../tools/run/browser.mjs";
import { ensureInstalled, runLoud } from "../tools/run/install.mjs";
import { requireNode } from "../tools/run/node-version.mjs";
import { serveStatic } from "../tools/run/static-server.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MODEL = join(ROOT, "public", "models", "demo-moe-q8_0.gguf");
const PROMPT_TOKENS = 64;
const REPEATS = 3;
const STORY = `Once there was a small garden behind a school. Every morning the children came to see what had grown.
There were beans on tall sticks, round red tomatoes, and a row of sunflowers along the wall. A girl named Nora had
planted one seed in a corner where nothing ever grew. "It needs more sun," said her friend Ben.`;

const ENGINES = [
  { name: "WebMoE, WASM", engine: "webmoe", options: { backend: "wasm" } },
  { name: "WebMoE, WebGPU", engine: "webmoe", options: { backend: "webgpu" } },
  { name: "wllama 3.8.1, WASM", engine: "wllama", options: { n_gpu_layers: 0 } },
];

/** Text of exactly PROMPT_TOKENS tokens: wllama takes text only. */
async function promptText() {
  const { WebMoE } = await import(pathToFileURL(join(ROOT, "dist", "lib", "node.js")).href);
  const model = await WebMoE.load(MODEL, { store: "memory" });
  const text = await model.detokenize((await model.tokenize(STORY)).slice(0, PROMPT_TOKENS));
  const { length } = await model.tokenize(text);
  await model.dispose();
  if (length !== PROMPT_TOKENS) throw new Error(`The prompt has ${length} tokens, not ${PROMPT_TOKENS}.`);
  return text;
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Three significant digits, and no exponent. */
const short = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function row(name, measured) {
  const runs = measured.flatMap((one) => one.runs);
  // The first generation after a load pays for what the engine does lazily; later ones show the arithmetic.
  const later = measured.flatMap((one) => one.runs.slice(1));
  const cells = [
    median(measured.map((one) => one.loadMs)),
    median(measured.map((one) => one.runs[0].firstMs)),
    median(later.map((run) => (PROMPT_TOKENS * 1000) / run.firstMs)),
    median(later.map((run) => run.decode)),
  ];
  const tokens = [...new Set(runs.map((run) => run.tokens))].join("/");
  return `| ${name} | ${measured[0].adapter} | ${cells.map(short).join(" | ")} | ${tokens} |`;
}

async function measureAll(browser, url, { rounds, work }) {
  const results = new Map(ENGINES.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const { name, engine, options } of ENGINES) {
      const page = await browser.newPage();
      try {
        await page.goto(url);
        await page.waitForFunction("globalThis.measure !== undefined");
        const one = await page.evaluate(
          ([which, load, what]) => globalThis.measure(which, load, what),
          [engine, options, work],
        );
        if (one.promptTokens !== PROMPT_TOKENS) {
          throw new Error(`${name} saw ${one.promptTokens} prompt tokens, not ${PROMPT_TOKENS}.`);
        }
        results.get(name).push(one);
        console.log(`round ${round}: ${name}`);
      } finally {
        await page.close();
      }
    }
  }
  return results;
}

requireNode();
const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, tokens: { type: "string", default: "64" } },
});
try {
  await ensureInstalled(ROOT, "what WebMoE needs");
  await ensureInstalled(join(ROOT, "bench"), "the peers", { scripts: false });
  if (!existsSync(join(ROOT, "dist", "lib", "webmoe.js"))) {
    const built = await runLoud("npm", ["run", "--silent", "build"], { cwd: ROOT });
    if (built !== 0) throw new Error("The build failed; see above.");
  }
  const site = await serveStatic({
    root: {
      "/": fileURLToPath(new URL("page", import.meta.url)),
      "/lib/": join(ROOT, "dist", "lib"),
      "/wllama/": join(ROOT, "bench", "node_modules", "@wllama", "wllama", "esm"),
      "/models/": join(ROOT, "public", "models"),
    },
    // wllama starts its worker from a Blob. Isolation gives both the finer clock, threads stay at one.
    headers: { "Content-Security-Policy": "worker-src 'self' blob:" },
    isolated: true,
  });
  const browser = await launchChromium(ROOT, "any");
  const work = { prompt: await promptText(), tokens: Number(flags.tokens), repeats: REPEATS };
  const results = await measureAll(browser, site.url, { rounds: Number(flags.rounds), work });
  console.log(`
${new Date().toISOString().slice(0, 10)}, Chromium ${browser.version()}, ${cpus()[0]?.model.trim()} (${cpus().length} cores), embedded model (q8_0), ${PROMPT_TOKENS}-token prompt, 1 thread, medians of ${flags.rounds} loads × ${REPEATS} generations

| engine | device | load ms | first token ms | prefill tok/s | decode tok/s | tokens |
| --- | --- | --- | --- | --- | --- | --- |
${[...results].map(([name, measured]) => row(name, measured)).join("\n")}`);
  await browser.close();
  await site.close();
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
