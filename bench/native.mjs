// @ts-check
/**
 * One turn of native llama.cpp, in a process of its own: `node native.mjs '<turn as JSON>'` prints the result as the
 * last line. What node-llama-cpp adds between two tokens is some 0.1 ms.
 *
 * @typedef {object} Turn
 * @property {string} path
 * @property {number} threads
 * @property {number} contextLength
 * @property {readonly { name: string, prompt: { ids: number[] }, tokens: number, warm?: boolean }[]} jobs
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ORACLE = join(dirname(fileURLToPath(import.meta.url)), "..", "tools", "oracle");
const require = createRequire(join(ORACLE, "package.json"));
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(require.resolve("node-llama-cpp")).href);

/** @type {Turn} */
const turn = JSON.parse(process.argv[2] ?? "");
const llama = await getLlama({
  gpu: false,
  build: "never",
  skipDownload: true,
  progressLogs: false,
  logLevel: LlamaLogLevel.error,
  maxThreads: turn.threads,
});
const model = await llama.loadModel({ modelPath: turn.path, gpuLayers: 0, useMmap: true });
const context = await model.createContext({
  contextSize: turn.contextLength,
  batchSize: 512,
  sequences: 1,
  threads: turn.threads,
});
const sequence = context.getSequence();

/** @type {Record<string, { firstMs: number, decodeTokensPerSecond: number | undefined }>} */
const results = {};
for (const { name, prompt, tokens, warm } of turn.jobs) {
  await sequence.clearHistory();
  const arrivals = [];
  const called = performance.now();
  for await (const _ of sequence.evaluate(prompt.ids, { temperature: 0, yieldEogToken: true })) {
    if (arrivals.push(performance.now()) === tokens) break;
  }
  const [first = 0] = arrivals;
  const last = arrivals.at(-1) ?? 0;
  if (arrivals.length !== tokens) throw new Error(`llama.cpp gave ${arrivals.length} tokens, not ${tokens}.`);
  if (warm) continue;
  results[name] = {
    firstMs: first - called,
    decodeTokensPerSecond: tokens > 1 ? ((tokens - 1) * 1000) / (last - first) : undefined,
  };
}

/** Which of the builds for different processors was loaded. */
const [, build = "unknown"] = /libggml-cpu-([\w.]+)\.so/.exec(readFileSync("/proc/self/maps", "utf8")) ?? [];
const { version } = require(require.resolve("node-llama-cpp").replace(/dist[\\/].*$/, "package.json"));
const facts = {
  ran: `llama.cpp ${llama.llamaCppRelease.release} (node-llama-cpp ${version}), CPU build ${build}`,
  threads: context.currentThreads,
};
await context.dispose();
await model.dispose();
await llama.dispose();
console.log(JSON.stringify({ results, facts }));
process.exit(0);
