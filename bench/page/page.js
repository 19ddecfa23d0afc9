/**
 * One engine in one page, timed as a caller sees it: from the call to each token's arrival on the page's thread.
 * The runner opens a page of its own for every turn.
 */
import { webmoe } from "./webmoe.js";
import { wllama } from "./wllama.js";

const ENGINES = { webmoe, wllama };

/** Greedy generation of exactly `tokens` tokens, with the arrival of each, and its id where the engine gives ids. */
async function generate(model, { prompt, tokens }) {
  const arrivals = [];
  const ids = [];
  const called = performance.now();
  const counted = await model.generate(prompt, tokens, (id) => {
    arrivals.push(performance.now());
    ids.push(id);
  });
  if (counted.promptTokens !== prompt.ids.length || counted.tokens !== tokens) {
    throw new Error(
      `${counted.promptTokens} prompt tokens and ${counted.tokens} new ones, not ${prompt.ids.length} and ${tokens}.`,
    );
  }
  return {
    firstMs: arrivals[0] - called,
    // A piece of a character may come together with the next token, so tokens are counted by the engine.
    decodeTokensPerSecond: tokens > 1 ? ((tokens - 1) * 1000) / (arrivals.at(-1) - arrivals[0]) : undefined,
    ids,
  };
}

/** The model of this page. */
let loaded;

/**
 * Loads a model, and generates once at once, as a user would.
 * @returns {Promise<{ loadMs: number, firstTokenMs: number, facts: object }>} from the call of load
 */
globalThis.benchLoad = async (name, url, options, job) => {
  const began = performance.now();
  const model = await ENGINES[name](new URL(url, document.baseURI).href, options);
  const loadMs = performance.now() - began;
  loaded = model;
  const { firstMs, ids } = await generate(model, job);
  return { loadMs, firstTokenMs: loadMs + firstMs, ids, facts: await model.facts() };
};

/** More generations with the loaded model. */
globalThis.benchGenerate = (job) => generate(loaded, job);

/** The engine's counters, with those of a counted worker. */
globalThis.benchStats = () => loaded.stats();

/** Whether every expert is on the device. */
globalThis.benchResident = () => loaded.resident();

/** Waits until the engine's store holds the whole file, false if that takes too long. */
globalThis.benchStored = () => loaded.stored();

globalThis.benchClose = () => loaded?.close();

/** What WebGPU adapter the page sees. */
globalThis.benchAdapter = async () => {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return undefined;
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const name = [vendor, architecture, device, description].filter(Boolean).join(" ") || "unknown adapter";
  const software =
    isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|microsoft basic render|\bwarp\b/i.test(name);
  // What wllama's WebGPU needs.
  const lacks = [
    adapter.features.has("shader-f16") ? "" : "shader-f16",
    "Suspending" in WebAssembly ? "" : "JSPI",
  ].filter(Boolean);
  return { name, software, lacks };
};

/** Median milliseconds from the submission of next to nothing to its bytes in the page: what a readback takes alone. */
globalThis.benchRoundTrip = async (times) => {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  const device = await adapter.requestDevice();
  const source = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_SRC });
  const target = device.createBuffer({ size: 256, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  const taken = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, target, 0, 256);
    device.queue.submit([encoder.finish()]);
    await target.mapAsync(GPUMapMode.READ);
    target.unmap();
    taken.push(performance.now() - began);
  }
  device.destroy();
  return taken.sort((a, b) => a - b)[times >> 1];
};

/** A function of `kernels/`: with the page's GPU, or with read.wat's bytes. */
globalThis.benchKernel = async (name, args) => {
  const kernels = await import("./kernels/kernels.js");
  if (name.startsWith("gpu")) return kernels[name](navigator.gpu, ...args);
  if (name === "wasmBandwidth") return kernels.wasmBandwidth(Uint8Array.from(args[0]), args[1]);
  return kernels[name](...args);
};

globalThis.benchReady = true;
