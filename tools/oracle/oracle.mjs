/**
 * llama.cpp as the reference. Strict: on the CPU, key and value cache in F32, no flash attention, so that on F32
 * weights its tokens are those of any engine that computes in f32.
 */
import { createRequire } from "node:module";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

/**
 * @typedef {object} GreedyRun
 * @property {number[]} ids generated tokens
 * @property {number[]} margins logit of the picked token minus that of the next best, per token
 */

/** The llama.cpp release that the package was built from, and the package's version. */
export function oracleVersion() {
  const require = createRequire(import.meta.url);
  const packageFile = require.resolve("node-llama-cpp").replace(/dist[\\/].*$/, "package.json");
  const { version } = require(packageFile);
  const { tag } = require(packageFile.replace("package.json", "llama/llama.cpp.info.json"));
  return { llamaCpp: tag, nodeLlamaCpp: version };
}

const THREADS = 1;

/** The library, loaded once for all models. @type {ReturnType<typeof getLlama> | undefined} */
let loaded;

function library() {
  loaded ??= getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
    maxThreads: THREADS,
  });
  return loaded;
}

/** Gives the library's threads back; models must have been disposed of. */
export async function closeLibrary() {
  await (await loaded)?.dispose();
  loaded = undefined;
}

/**
 * @param {string} path a GGUF; the exact twin where tokens are to be compared
 * @param {{ contextSize: number }} options
 */
export async function openOracle(path, { contextSize }) {
  const llama = await library();
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0, useMmap: true });
  const context = await model.createContext({
    contextSize,
    batchSize: contextSize,
    sequences: 1,
    threads: THREADS,
    flashAttention: false,
    experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32",
  });
  const sequence = context.getSequence();

  /**
   * Evaluates `ids` after what the sequence holds. The addon hands out probabilities only: their logarithms are
   * the logits up to a constant, which neither a margin nor a centred comparison sees.
   * @param {readonly number[]} ids
   * @returns {Promise<Array<[number, number]>>} token and log-probability, likeliest first
   */
  async function evaluate(ids) {
    const last = ids.at(-1);
    if (last === undefined) throw new Error("Nothing to evaluate.");
    const outputs = await sequence.controlledEvaluate([
      ...ids.slice(0, -1),
      [last, { generateNext: { probabilities: true, options: { temperature: 0 } } }],
    ]);
    const probabilities = outputs.at(ids.length - 1)?.next.probabilities;
    if (!probabilities) throw new Error("llama.cpp gave no probabilities.");
    return [...probabilities].map(([token, probability]) => [token, Math.log(probability)]);
  }

  return {
    /** @param {string} text special tokens in it are parsed; nothing is added @returns {number[]} */
    tokenize: (text) => [...model.tokenize(text, true)],

    /**
     * The likeliest token `count` times; end-of-sequence tokens do not stop it. Undefined as soon as a margin is
     * less than `leastMargin`.
     * @param {readonly number[]} prompt @param {number} count @param {number} leastMargin
     * @returns {Promise<GreedyRun | undefined>}
     */
    async greedy(prompt, count, leastMargin) {
      await sequence.clearHistory();
      const ids = [];
      const margins = [];
      let ranked = await evaluate(prompt);
      for (;;) {
        const [best, second] = ranked;
        const margin = best[1] - second[1];
        if (margin < leastMargin) return undefined;
        margins.push(margin);
        ids.push(best[0]);
        if (ids.length === count) return { ids, margins };
        ranked = await evaluate([best[0]]);
      }
    },

    /**
     * Logits after the last of `ids`, minus their mean.
     * @param {readonly number[]} ids @returns {Promise<Float64Array>} `[vocabSize]`
     */
    async centredLogits(ids) {
      await sequence.clearHistory();
      const ranked = await evaluate(ids);
      const mean = ranked.reduce((sum, [, value]) => sum + value, 0) / ranked.length;
      const logits = new Float64Array(ranked.length);
      for (const [token, value] of ranked) logits[token] = value - mean;
      return logits;
    },

    async dispose() {
      await context.dispose();
      await model.dispose();
    },
  };
}
