// @ts-check
/** Single kernels, in a page and in Node, against what the same memory or adapter gives a kernel that only reads. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import binaryen from "assemblyscript/binaryen";
import { ensureInstalled, runQuiet } from "../tools/run/install.mjs";
import { openBrowser, serveBench } from "./browser.mjs";
import { CACHE, ROOT } from "./files.mjs";
import { describeRun } from "./machine.mjs";

/**
 * `chromium` and `node`: compute.wasm there; `chromium-gpu`: the page's adapter; `node-gpu`: Dawn for Node.
 */
export const KERNEL_PLACES = ["chromium", "node", "chromium-gpu", "node-gpu"];
export const KERNEL_TYPES = ["q4_0", "q8_0", "q4_k", "q6_k", "f16", "f32"];

/** Of a software adapter: enough to see that the path works, and what the kernels' relation to its reads is. */
const SOFTWARE_MEGABYTES = 8;

/**
 * @typedef {import("./results.mjs").Entry} Entry
 * @typedef {typeof import("./kernels/index.ts")} Kernels
 * @typedef {import("./kernels/wasm.ts").KernelRow} KernelRow
 *
 * @typedef {object} KernelOptions
 * @property {readonly string[]} places
 * @property {readonly string[]} types
 * @property {number} megabytes that weights are cycled through
 * @property {string} command
 */

/** The reading loop as a module. */
async function readModule() {
  const module = binaryen.parseText(await readFile(new URL("kernels/read.wat", import.meta.url), "utf8"));
  try {
    module.setFeatures(binaryen.Features.SIMD128);
    if (!module.validate()) throw new Error("read.wat is not valid.");
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

async function buildKernels() {
  const config = join(ROOT, "bench", "kernels", "vite.config.ts");
  const { code, output } = await runQuiet("npx", ["vite", "build", "-c", config, "-l", "warn"], ROOT);
  if (code !== 0) throw new Error(`The kernels could not be built:\n${output}`);
}

/** One entry of kernels of one type. @param {string} subject @param {string} type @param {readonly KernelRow[]} rows @param {string} ran @param {string} run @returns {Entry} */
function kernelEntry(subject, type, rows, ran, run) {
  const cells = rows.map(({ name, batch, bytes, multiplications, seconds }) => {
    const facts = { bytes, multiplications, batch };
    return [`${name}, ${batch} row${batch > 1 ? "s" : ""}`, { values: [...seconds], ran, facts }];
  });
  return { kind: "kernels", subject, measure: type, cells: Object.fromEntries(cells), run };
}

/** @param {string} subject @param {Record<string, readonly number[]>} floors @param {string} ran @param {string} run @param {object} [facts] @returns {Entry} */
function floorEntry(subject, floors, ran, run, facts) {
  const cells = Object.entries(floors).map(([name, values]) => [name, { values: [...values], ran, facts }]);
  return { kind: "kernels", subject, measure: "floor", cells: Object.fromEntries(cells), run };
}

/** @param {string} subject @param {string} error @param {string} run @returns {Entry} */
const openEntry = (subject, error, run) => ({
  kind: "kernels",
  subject,
  measure: "floor",
  cells: { "read bandwidth": { error } },
  run,
});

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|microsoft basic render|\bwarp\b/i;

/** Dawn for Node, or why there is none. @returns {Promise<{ gpu: GPU, software: boolean } | string>} */
async function dawn() {
  const folder = join(ROOT, "tools", "gpu-node");
  if (!existsSync(join(folder, "node_modules", "webgpu"))) {
    return "Dawn for Node is not installed: see tools/gpu-node/README.md";
  }
  const path = createRequire(join(folder, "package.json")).resolve("webgpu");
  const { create, globals } = await import(pathToFileURL(path).href);
  Object.assign(globalThis, globals);
  /** @type {GPU} */
  const gpu = create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return "Dawn finds no Vulkan adapter here";
  const { vendor, architecture, device, description } = adapter.info;
  return { gpu, software: SOFTWARE.test([vendor, architecture, device, description].join(" ")) };
}

/**
 * @param {KernelOptions} options
 * @param {(records: Entry[], runs: Record<string, import("./results.mjs").Run>) => Promise<void>} save
 */
export async function benchKernels({ places, types, megabytes, command }, save) {
  await ensureInstalled(ROOT, "what WebMoE needs");
  await buildKernels();
  const read = await readModule();
  const site = await serveBench([]);
  const browser = await openBrowser(site.url);
  try {
    const run = await describeRun(command, { browser: browser.version });
    const id = `${run.date} ${command}`;
    /** @param {Entry[]} entries */
    const keep = (entries) => save(entries, { [id]: run });

    /** @param {string} place @param {(name: string, ...args: unknown[]) => Promise<any>} call a page's or Node's kernels */
    const wasm = async (place, call) => {
      const bandwidth = await call("wasmBandwidth", Array.from(read), megabytes);
      const floors = { "read bandwidth": bandwidth };
      /** @type {Entry[]} */
      const entries = [];
      for (const type of types) {
        const results = await call("wasmKernels", type, megabytes);
        for (const [activations, { kernels, rows }] of Object.entries(results)) {
          entries.push(kernelEntry(`WASM ${activations}, ${place}`, type, rows, kernels, id));
        }
        console.log(`${place}: ${type}`);
      }
      for (const subject of new Set(entries.map((entry) => entry.subject))) {
        entries.push(floorEntry(subject, floors, "", id));
      }
      await keep(entries);
    };
    /** @param {string} place @param {boolean} software @param {(name: string, ...args: unknown[]) => Promise<any>} call */
    const gpu = async (place, software, call) => {
      const options = { megabytes: software ? SOFTWARE_MEGABYTES : megabytes, software };
      const floor = await call("gpuFloor", options);
      const subject = `WebGPU, ${place}`;
      const ran = [
        floor.adapter,
        software ? "a software adapter: the row of a real GPU stays open" : "",
        floor.timestamps ? "by timestamps where a pass is long enough" : "by wall time over many dispatches",
      ];
      const said = ran.filter(Boolean).join("; ");
      const floors = { "read bandwidth": floor.readBandwidth, "empty dispatch": floor.emptyDispatch };
      await keep([floorEntry(subject, floors, said, id, { adapter: floor.adapter, software })]);
      for (const type of types) {
        await keep([kernelEntry(subject, type, await call("gpuKernels", type, options), said, id)]);
        console.log(`${place}: ${type}`);
      }
    };
    // A page for each call: memory is given back.
    const inPage = async (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => {
      const page = await browser.open();
      try {
        return await page.call("benchKernel", name, args);
      } finally {
        await page.close();
      }
    };
    /** @type {Promise<Record<string, (...args: any[]) => Promise<any>>>} */
    const inNode = import(pathToFileURL(join(CACHE, "kernels", "kernels.js")).href);

    if (places.includes("chromium")) await wasm("Chromium", inPage);
    if (places.includes("node")) {
      const kernels = await inNode;
      await wasm("Node", (name, ...args) =>
        Promise.resolve(
          name === "wasmBandwidth"
            ? kernels.wasmBandwidth?.(Uint8Array.from(/** @type {number[]} */ (args[0])), args[1])
            : kernels[name]?.(...args),
        ),
      );
    }
    if (places.includes("chromium-gpu")) {
      const page = await browser.open();
      const adapter = await page.call("benchAdapter");
      await page.close();
      if (adapter) await gpu("Chromium", adapter.software, inPage);
      else await keep([openEntry("WebGPU, Chromium", "the page has no WebGPU adapter", id)]);
    }
    if (places.includes("node-gpu")) {
      const found = await dawn();
      if (typeof found === "string") await keep([openEntry("WebGPU, Dawn in Node", found, id)]);
      else {
        const kernels = await inNode;
        await gpu("Dawn in Node", found.software, (name, ...args) =>
          Promise.resolve(kernels[name]?.(found.gpu, ...args)),
        );
      }
    }
  } finally {
    await browser.close();
    await site.close();
  }
}
