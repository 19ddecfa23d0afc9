/**
 * One engine in one page, timed as a caller sees it: from the call to each token's arrival on the page's thread.
 * The runner opens a page of its own for every turn.
 */
import { webmoe } from "./webmoe.js";
import { wllama } from "./wllama.js";

const ENGINES = { webmoe, wllama };

/** Greedy generation of exactly `tokens` tokens, with the arrival of each. */
async function generate(model, { prompt, tokens }) {
  const arrivals = [];
  const called = performance.now();
  const counted = await model.generate(prompt, tokens, () => arrivals.push(performance.now()));
  if (counted.promptTokens !== prompt.ids.length || counted.tokens !== tokens) {
    throw new Error(
      `${counted.promptTokens} prompt tokens and ${counted.tokens} new ones, not ${prompt.ids.length} and ${tokens}.`,
    );
  }
  return {
    firstMs: arrivals[0] - called,
    // A piece of a character may come together with the next token, so tokens are counted by the engine.
    decodeTokensPerSecond: tokens > 1 ? ((tokens - 1) * 1000) / (arrivals.at(-1) - arrivals[0]) : undefined,
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
  const { firstMs } = await generate(model, job);
  return { loadMs, firstTokenMs: loadMs + firstMs, facts: await model.facts() };
};

/** More generations with the loaded model. */
globalThis.benchGenerate = (job) => generate(loaded, job);

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

/** A function of `kernels/`: with the page's GPU, or with read.wat's bytes. */
globalThis.benchKernel = async (name, args) => {
  const kernels = await import("./kernels/kernels.js");
  if (name.startsWith("gpu")) return kernels[name](navigator.gpu, ...args);
  if (name === "wasmBandwidth") return kernels.wasmBandwidth(Uint8Array.from(args[0]), args[1]);
  return kernels[name](...args);
};

globalThis.benchReady = true;
