// @ts-check
/** The two places WebMoE runs in, with one way to ask: the built library in Node, and in a page of a browser. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runLoud } from "../run/install.mjs";
import { serveStatic } from "../run/static-server.mjs";
import { ROOT, WORK } from "./models.mjs";
import { runJobs } from "./page/jobs.js";

/**
 * @typedef {import("./page/jobs.js").Job} Job
 * @typedef {import("./page/jobs.js").JobsResult} JobsResult
 * @typedef {import("../../src/api/options.ts").LoadOptions} LoadOptions
 * @typedef {"node" | "browser"} Place
 *
 * @typedef {object} Engine
 * @property {(modelPath: string, options: LoadOptions, jobs: readonly Job[]) => Promise<JobsResult>} run
 *   throws `EngineError` with the library's code
 * @property {() => Promise<void>} close
 */

/** An error that the library reported, wherever it ran. */
export class EngineError extends Error {
  /** @param {{ code: string, message: string }} error */
  constructor({ code, message }) {
    super(`${code}: ${message}`);
    this.name = "EngineError";
    this.code = code;
  }
}

const LIBRARY = join(ROOT, "dist", "lib");

/** What the engine is built from; the page around it and the tests are not part of it. */
const SOURCES = ["src", "asm", "shaders"];
const NOT_ENGINE = /\.(test|testing|bench)\.ts$|\.md$|\/(app|golden|testing)\//;
const BUILT_FROM = join(LIBRARY, "built-from.txt");

/** What only one of the backends is built from: what belongs to the other says nothing about its results. */
const ONLY = {
  wasm: /^(asm\/compute|src\/backend\/wasm|src\/wasm\/compute)/,
  webgpu: /^(shaders|src\/backend\/webgpu)/,
};

/**
 * What brings bytes in, decides where they lie, or carries questions and answers, and computes nothing. Parts are
 * verified by checksum wherever they come from, so this cannot change the numbers of a model that is held whole. A file
 * that is not named here counts.
 */
const CARRIES = new RegExp(
  [
    "^src/[^/]+$",
    "^src/(api|chat|embed|experts|residency|worker)/",
    "^src/engine/(browser-platform|directory|engine|idle-work|model-info|node-platform|platform|session|turns)\\.ts$",
    "^src/wasm/core-(prediction|slots)\\.ts$",
    "^asm/core/dispatch/(adaptive|eviction|prediction|slots)\\.ts$",
  ].join("|"),
);

/** @typedef {keyof typeof ONLY} BackendName */

/**
 * @typedef {object} Digests what identifies the engine: digests of all sources that can change its results
 * @property {Record<BackendName, string>} whole where experts come and go
 * @property {Record<BackendName, string>} numbers where all weights are held: the sources that compute
 */

/** @returns {Promise<Digests>} */
export async function engineDigests() {
  const hash = () => createHash("sha256");
  const hashes = {
    whole: { wasm: hash(), webgpu: hash() },
    numbers: { wasm: hash(), webgpu: hash() },
  };
  for (const folder of SOURCES) {
    const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
      .filter((path) => !NOT_ENGINE.test(path))
      .sort();
    for (const path of files) {
      const text = await readFile(join(ROOT, path));
      for (const [scope, ofBackends] of Object.entries(hashes)) {
        if (scope === "numbers" && CARRIES.test(path)) continue;
        if (!ONLY.webgpu.test(path)) ofBackends.wasm.update(path).update(text);
        if (!ONLY.wasm.test(path)) ofBackends.webgpu.update(path).update(text);
      }
    }
  }
  const digests = (/** @type {Record<BackendName, import("node:crypto").Hash>} */ { wasm, webgpu }) => ({
    wasm: wasm.digest("hex").slice(0, 12),
    webgpu: webgpu.digest("hex").slice(0, 12),
  });
  return { whole: digests(hashes.whole), numbers: digests(hashes.numbers) };
}

/** @param {Digests} digests */
const builtFrom = ({ whole }) => `${whole.wasm} ${whole.webgpu}`;

/** Builds the library, and notes from which sources. @param {Digests} digests */
export async function buildLibrary(digests) {
  const built = await runLoud("npm", ["run", "--silent", "build"], { cwd: ROOT });
  if (built !== 0) throw new Error("The build failed; see above.");
  await writeFile(BUILT_FROM, builtFrom(digests));
}

/** Throws unless the library is of these sources. @param {Digests} digests */
export async function requireBuiltFrom(digests) {
  const from = await readFile(BUILT_FROM, "utf8").catch(() => undefined);
  if (from !== builtFrom(digests)) {
    throw new Error("dist/lib is not known to be built from these sources: leave out --built once.");
  }
}

/** @param {string} file */
function builtFile(file) {
  const path = join(LIBRARY, file);
  if (!existsSync(path)) throw new Error(`${relative(ROOT, path)} is missing: run \`npm run build\` first.`);
  return path;
}

/** Everything fixed, so that only what a comparison varies can make a difference. @type {LoadOptions} */
const COMMON_OPTIONS = {
  activations: "f32",
  threads: 1,
  contextLength: 320,
  store: "memory",
  completeInBackground: false,
  expertBudget: "all",
};

/** @param {JobsResult | { error: { code: string, message: string } }} answer */
function checked(answer) {
  if ("error" in answer) throw new EngineError(answer.error);
  return answer;
}

/** @returns {Promise<Engine>} */
export async function nodeEngine() {
  return engineOf(await import(pathToFileURL(builtFile("node.js")).href));
}

const GPU_NODE = join(ROOT, "tools", "gpu-node");

/** WebGPU in Node. @returns {Promise<Engine>} */
export async function dawnEngine() {
  if (!existsSync(join(GPU_NODE, "node_modules"))) {
    throw new Error("Dawn for Node is not installed: see tools/gpu-node/README.md.");
  }
  const built = await runLoud(
    "npx",
    ["vite", "build", "-c", join(GPU_NODE, "vite.config.ts"), "-l", "warn"],
    { cwd: ROOT },
  );
  if (built !== 0) throw new Error("tools/gpu-node could not be built; see above.");
  return engineOf(await import(pathToFileURL(join(GPU_NODE, "dist", "engine.js")).href));
}

/** @param {{ WebMoE: typeof import("../../src/node.ts").WebMoE }} library @returns {Engine} */
function engineOf({ WebMoE }) {
  return {
    run: async (modelPath, options, jobs) =>
      checked(await runJobs(WebMoE, modelPath, { ...COMMON_OPTIONS, ...options }, jobs)),
    close: async () => {},
  };
}

/** No comparison takes longer, unless something hangs. */
const PAGE_LIMIT_MS = 1_800_000;

/**
 * Each run has a page of its own in one browser profile: memory is given back, IndexedDB stays.
 * @param {import("playwright").Browser} browser
 * @returns {Promise<Engine>}
 */
export async function browserEngine(browser) {
  builtFile("webmoe.js");
  const site = await serveStatic({
    root: {
      "/": fileURLToPath(new URL("page", import.meta.url)),
      "/lib/": LIBRARY,
      "/models/": WORK,
      "/embedded/": join(ROOT, "public", "models"),
    },
  });
  /** @param {string} path */
  const urlPath = (path) =>
    dirname(path) === WORK ? `models/${relative(WORK, path)}` : `embedded/${relative(dirname(path), path)}`;
  const context = await browser.newContext();
  return {
    async run(modelPath, options, jobs) {
      const page = await context.newPage();
      const limit = setTimeout(() => page.close(), PAGE_LIMIT_MS);
      /** @type {string[]} */
      const complaints = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      try {
        await page.goto(site.url);
        await page.waitForFunction("globalThis.runJobs !== undefined", undefined, { timeout: 30_000 });
        const answer = await page.evaluate(
          ([path, load, list]) => globalThis.runJobs(path, load, list),
          /** @type {const} */ ([urlPath(modelPath), { ...COMMON_OPTIONS, ...options }, jobs]),
        );
        return checked(answer);
      } catch (error) {
        if (error instanceof EngineError || complaints.length === 0) throw error;
        throw new Error(`${error instanceof Error ? error.message : error}\n${complaints.join("\n")}`);
      } finally {
        clearTimeout(limit);
        await page.close();
      }
    },
    async close() {
      await context.close();
      await site.close();
    },
  };
}
