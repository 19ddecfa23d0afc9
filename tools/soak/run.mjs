// @ts-check
/**
 * `npm run soak`: generation for half an hour at the least expert budget in a real browser, in one page where models come
 * and go. Writes RESULTS.md (RESULTS-webgpu.md), and the samples to .cache/soak/; exits 1 if anything grows.
 *
 * What may grow is the same number of bytes however long the soak is: a few minutes try the tool and find coarse leaks only.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildLibrary } from "../../bench/build-library.mjs";
import { CACHE, ROOT } from "../../bench/files.mjs";
import { describeRun } from "../../bench/machine.mjs";
import { openUnwatchedBrowser } from "../../bench/unwatched-browser.mjs";
import { EMBEDDED_MODEL } from "../make-model/index.mjs";
import { ensureInstalled } from "../run/install.mjs";
import { requireNode } from "../run/node-version.mjs";
import { serveStatic } from "../run/static-server.mjs";
import { exactChecks } from "./checks.mjs";
import { judge } from "./judge.mjs";
import { reportText } from "./report.mjs";
import { soak } from "./soak.mjs";

const USAGE = `npm run soak -- [--minutes 30] [--backend wasm|webgpu] [--context N] [--built]
  --context: positions of a session (512; on WebGPU 64, which software adapters need); --built: takes the library
  as the last run built it.`;

const BACKENDS = /** @type {const} */ (["wasm", "webgpu"]);
const CONTEXT = { wasm: "512", webgpu: "64" };

const MB = 1e6;

/** What is judged. A floor is what a browser's own bookkeeping comes to; what the engine sizes once has none. */
const QUANTITIES = [
  { key: "pageHeap", name: "page: heap", floorBytes: MB },
  { key: "pageBuffers", name: "page: buffers", floorBytes: MB },
  { key: "workerHeap", name: "workers: heaps", floorBytes: MB },
  { key: "workerBuffers", name: "workers: buffers, host tier included", floorBytes: MB },
  { key: "wasmBytes", name: "WASM memory of the backend", floorBytes: 0 },
  { key: "gpuBytes", name: "GPU buffers", floorBytes: 0 },
  { key: "slotBytes", name: "expert slots", floorBytes: 0 },
  { key: "pss", name: "browser's processes: PSS without files", floorBytes: 30 * MB },
];

function settings() {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "30" },
      backend: { type: "string", default: "wasm" },
      context: { type: "string" },
      built: { type: "boolean", default: false },
    },
  });
  const { built } = values;
  const backend = BACKENDS.find((name) => name === values.backend);
  if (!backend) throw new Error(`--backend ${values.backend}: it is wasm or webgpu.`);
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: it is a number above 0.`);
  const contextLength = Number(values.context ?? CONTEXT[backend]);
  if (!Number.isInteger(contextLength) || contextLength < 64)
    throw new Error(`--context ${values.context}: it is a whole number from 64.`);
  return { backend, built, seconds: minutes * 60, contextLength };
}

/** @param {import("./soak.mjs").Look} look */
function showLook({ seconds, model, pageHeap, workerHeap, workerBuffers, wasmBytes, gpuBytes, pss }) {
  const mb = (/** @type {number} */ bytes) => (bytes / MB).toFixed(2);
  console.log(
    `${(seconds / 60).toFixed(1)} min, model ${model + 1}: heaps ${mb(pageHeap)} + ${mb(workerHeap)} MB, buffers ${mb(workerBuffers)}, WASM ${mb(wasmBytes)}, GPU ${mb(gpuBytes)}, PSS ${mb(pss)}`,
  );
}

async function main() {
  const { built, ...chosen } = settings();
  const { backend, seconds } = chosen;
  await ensureInstalled(ROOT, "what WebMoE needs");
  if (!built) await buildLibrary();
  const site = await serveStatic({
    root: {
      "/": fileURLToPath(new URL("page", import.meta.url)),
      "/bench/": join(ROOT, "bench", "page"),
      "/lib/": join(CACHE, "lib"),
      "/models/": dirname(EMBEDDED_MODEL),
    },
    isolated: true,
  });
  const command = ["npm run soak --", ...process.argv.slice(2)].join(" ").replace(/ --$/, "");
  const browser = await openUnwatchedBrowser(site.url);
  try {
    const run = await describeRun(command, { chromium: browser.version });
    const url = EMBEDDED_MODEL.replace(dirname(EMBEDDED_MODEL), "models");
    const course = await soak(browser, { ...chosen, url, onLook: showLook });

    const samples = course.looks.map(({ seconds: at, model, age, ...levels }) => ({
      seconds: at,
      model,
      age,
      levels,
    }));
    const judged = judge(samples, QUANTITIES, seconds);
    const checks = exactChecks(course);
    const folder = join(ROOT, ".cache", "soak");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${backend}.json`), JSON.stringify(course, null, 1));
    const text = reportText(course, judged, checks, run);
    await writeFile(new URL(backend === "wasm" ? "RESULTS.md" : "RESULTS-webgpu.md", import.meta.url), text);
    console.log(`\n${text}`);
    return judged.flat && checks.every(({ passed }) => passed);
  } finally {
    await browser.close();
    await site.close();
  }
}

requireNode();
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 1;
}
