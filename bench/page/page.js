/**
 * One engine, one load, some generations, timed as a caller sees them: from the call to each token's arrival on
 * the page's thread. The runner opens a page of its own for every measurement.
 */
import { WebMoE } from "./lib/webmoe.js";
import { LoggerWithoutDebug, Wllama } from "./wllama/index.js";

const MODEL = new URL("models/demo-moe-q8_0.gguf", document.baseURI);

/**
 * An engine gives a loaded model: `generate(prompt, count, onToken)` is greedy, calls `onToken` for each token and
 * says how many tokens the prompt had.
 */
const ENGINES = {
  webmoe: async (options) => {
    const model = await WebMoE.load(MODEL, {
      activations: "f32",
      threads: 1,
      expertBudget: "all",
      store: "memory",
      ...options,
    });
    return {
      adapter: model.info.numerics.adapter,
      async generate(prompt, count, onToken) {
        const options = { temperature: 0, repeatPenalty: 1, ignoreEos: true, maxTokens: count };
        for await (const _ of model.generate(prompt, options)) onToken();
        return (await model.tokenize(prompt)).length;
      },
      close: () => model.dispose(),
    };
  },
  wllama: async (options) => {
    const wasm = new URL("wllama/wasm/wllama.wasm", document.baseURI).href;
    const wllama = new Wllama({ default: wasm }, { logger: LoggerWithoutDebug, suppressNativeLog: true });
    await wllama.loadModelFromUrl(MODEL.href, { n_threads: 1, n_parallel: 1, useCache: false, ...options });
    return {
      adapter: "llama.cpp in WASM",
      async generate(prompt, count, onToken) {
        const chunks = await wllama.createCompletion({
          prompt,
          max_tokens: count,
          temperature: 0,
          top_k: 1,
          cache_prompt: false,
          ignore_eos: true,
          stream: true,
        });
        let usage;
        for await (const chunk of chunks) {
          if (chunk.choices?.[0]?.text) onToken();
          usage = chunk.usage ?? usage;
        }
        return usage?.prompt_tokens;
      },
      close: () => wllama.exit(),
    };
  },
};

/**
 * @param {"webmoe" | "wllama"} name
 * @param {object} options for the engine's load
 * @param {{ prompt: string, tokens: number, repeats: number }} work
 * @returns {Promise<{ adapter: string, promptTokens: number, loadMs: number, runs: { firstMs: number, decode: number, tokens: number }[] }>}
 *   `decode` in tokens/s, between the first and the last token
 */
globalThis.measure = async (name, options, { prompt, tokens, repeats }) => {
  const began = performance.now();
  const engine = await ENGINES[name](options);
  const loadMs = performance.now() - began;
  const runs = [];
  let promptTokens = 0;
  for (let i = 0; i < repeats; i++) {
    const arrivals = [];
    const called = performance.now();
    promptTokens = await engine.generate(prompt, tokens, () => arrivals.push(performance.now()));
    const decodeMs = arrivals.at(-1) - arrivals[0];
    runs.push({
      firstMs: arrivals[0] - called,
      decode: ((arrivals.length - 1) * 1000) / decodeMs,
      tokens: arrivals.length,
    });
  }
  const { adapter } = engine;
  await engine.close();
  return { adapter, promptTokens, loadMs, runs };
};
