// @ts-check
/** The engines, each asked for the same work: the same tokens in, the same number out, greedy, on as many threads. */

/**
 * @typedef {object} Engine
 * @property {string} name as in `--engines`
 * @property {string} label
 * @property {"webmoe" | "wllama"} [page] its module in `page/`; native llama.cpp has none
 * @property {(load: { threads: number, contextLength: number }) => object} [options] of its load
 * @property {"f32" | "int8"} [activations] what it must really run with
 * @property {boolean} [gpu] threads mean nothing to it
 * @property {string} differs what it does unlike the others
 */

/** @type {readonly Engine[]} */
export const ENGINES = [
  {
    name: "wasm-f32",
    label: "WebMoE WASM, f32",
    page: "webmoe",
    options: (load) => ({ backend: "wasm", activations: "f32", expertBudget: "all", ...load }),
    activations: "f32",
    differs:
      "activations and KV cache in f32: the exact profile. Fetches an expert when it is first asked for.",
  },
  {
    name: "wasm-int8",
    label: "WebMoE WASM, int8",
    page: "webmoe",
    options: (load) => ({ backend: "wasm", activations: "int8", expertBudget: "all", ...load }),
    activations: "int8",
    differs:
      "activations are rounded to 8 bits where they enter a quantised product, as llama.cpp does; KV cache in f32.",
  },
  {
    name: "webgpu",
    label: "WebMoE WebGPU",
    page: "webmoe",
    options: ({ contextLength }) => ({ backend: "webgpu", expertBudget: "all", contextLength }),
    gpu: true,
    differs: "computes on the page's adapter, activations and KV cache in f32.",
  },
  {
    name: "wllama",
    label: "wllama 3.8.1",
    page: "wllama",
    options: ({ threads, contextLength }) => ({
      n_gpu_layers: 0,
      n_threads: threads,
      n_parallel: 1,
      n_ctx: contextLength,
    }),
    differs:
      "llama.cpp in WASM: downloads the whole file before the first token; activations rounded to int8 in quantised products, KV cache in f16; takes text, which it tokenises itself.",
  },
  {
    name: "native",
    label: "llama.cpp native",
    differs:
      "no browser: machine code for this processor (AVX-512 where it has it), int8 activations, KV cache in f16, the file mapped into memory. Two threads wait for each other in a spinning barrier, which loses where anything else runs.",
  },
];
