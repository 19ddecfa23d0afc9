// @ts-check
/** What is compared with what: the full product and the sample draw from the same parts. */
import { compareTokens, logitsDistance } from "./compare.mjs";
import { decodeLogits, modelFile } from "./models.mjs";

/**
 * @typedef {import("./engines.mjs").Engine} Engine
 * @typedef {import("./models.mjs").Golden} Golden
 * @typedef {import("./models.mjs").GoldenCase} GoldenCase
 *
 * @typedef {object} Configuration
 * @property {string} name
 * @property {import("./engines.mjs").Place} place
 * @property {import("../../src/api/options.ts").LoadOptions} options
 * @property {number} logitsLimit of `logitsDistance`
 * @property {{ backend: import("./engines.mjs").BackendName, decodeRouting: string }} numerics that the model must report
 *
 * @typedef {object} Check one line of a comparison
 * @property {string} name
 * @property {boolean} passed
 * @property {string} detail
 * @property {number} [distance] of logits, and the length of the prompt that they follow
 * @property {number} [position]
 * @property {number} [margin] least of the oracle's over the tokens compared
 */

/** f32 sums in another order than llama.cpp's differ by 2e-6 to 2e-5; WGSL's exp and division are less exact. */
const WASM_LIMIT = 5e-5;
const WGSL_LIMIT = 3e-4;

/** @type {Readonly<Record<"wasm" | "segment1" | "segmentAll" | "routingWasm", Configuration>>} */
export const CONFIGURATIONS = {
  wasm: {
    name: "WASM",
    place: "node",
    options: { backend: "wasm" },
    logitsLimit: WASM_LIMIT,
    numerics: { backend: "wasm", decodeRouting: "wasm" },
  },
  segment1: {
    name: "WebGPU, 1 layer a segment",
    place: "browser",
    options: { backend: "webgpu", segmentLayers: 1 },
    logitsLimit: WGSL_LIMIT,
    numerics: { backend: "webgpu", decodeRouting: "wgsl" },
  },
  segmentAll: {
    name: "WebGPU, all layers a segment",
    place: "browser",
    options: { backend: "webgpu", segmentLayers: "all" },
    logitsLimit: WGSL_LIMIT,
    numerics: { backend: "webgpu", decodeRouting: "wgsl" },
  },
  routingWasm: {
    name: "WebGPU, routing in WASM",
    place: "browser",
    options: { backend: "webgpu", routing: "wasm" },
    logitsLimit: WGSL_LIMIT,
    numerics: { backend: "webgpu", decodeRouting: "wasm" },
  },
};

/**
 * Compares tokenisation, greedy tokens and logits of one model under one configuration with the golden vectors.
 * @param {Engine} engine
 * @param {Configuration} configuration
 * @param {Golden} golden
 * @param {{ cases?: readonly string[], tokens?: number, logits?: boolean }} [limits] some cases only, fewer tokens of
 *   each, no logits
 * @returns {Promise<Check[]>}
 */
export async function compareWithGolden(engine, configuration, golden, limits = {}) {
  const { cases, tokens = Infinity } = limits;
  const vectors = limits.logits === false ? [] : golden.logits;
  const chosen = cases ? cases.map((name) => caseNamed(golden, name)) : golden.cases;
  const expected = chosen.map(({ ids }) => ids.slice(0, tokens));
  const { contextLength } = golden.model.recipe ?? {};
  const options = { ...configuration.options, ...(contextLength === undefined ? {} : { contextLength }) };
  const { results, info } = await engine.run(await modelFile(golden), options, [
    ...vectors.map(({ promptIds }) => /** @type {const} */ ({ kind: "logits", ids: promptIds })),
    ...chosen.map(({ text }) => /** @type {const} */ ({ kind: "tokenize", text })),
    ...chosen.map(
      ({ promptIds }, i) =>
        /** @type {const} */ ({ kind: "generate", ids: promptIds, count: expected[i]?.length ?? 0 }),
    ),
  ]);
  checkInfo(info, configuration, golden);
  const logitsChecks = vectors.map((logits, i) => {
    const distance = logitsDistance(results[i] ?? [], decodeLogits(logits));
    const position = logits.promptIds.length;
    return {
      name: `logits after ${position} tokens`,
      passed: distance <= configuration.logitsLimit,
      detail: `rms difference / deviation ${distance.toExponential(1)}, limit ${configuration.logitsLimit.toExponential(0)}`,
      distance,
      position,
    };
  });
  const [tokenized, generated] = [vectors.length, vectors.length + chosen.length];
  const tokenChecks = chosen.map((goldenCase, i) => {
    const asked = (results[tokenized + i] ?? []).slice(0, goldenCase.tokens);
    const asPrompt = compareTokens(asked, goldenCase.promptIds);
    const greedy = compareTokens(results[generated + i] ?? [], expected[i] ?? []);
    return {
      name: goldenCase.name,
      passed: asPrompt.same && greedy.same,
      detail: asPrompt.same
        ? tokensDetail(greedy, expected[i] ?? [], goldenCase)
        : `the prompt is tokenised differently from token ${asPrompt.firstDifference} on`,
      margin: Math.min(...goldenCase.margins.slice(0, tokens)),
    };
  });
  return [...logitsChecks, ...tokenChecks];
}

/**
 * The model ran as asked, on the encodings that its file has.
 * @param {import("../../src/api/info.ts").ModelInfo} info
 * @param {Configuration} configuration
 * @param {Golden} golden
 */
function checkInfo({ numerics, quantizations }, configuration, { model }) {
  const { backend, decodeRouting } = numerics;
  if (backend !== configuration.numerics.backend || decodeRouting !== configuration.numerics.decodeRouting) {
    throw new Error(`Asked for ${configuration.name}, got backend ${backend}, routing in ${decodeRouting}.`);
  }
  for (const [type, count] of Object.entries(model.tensorTypes ?? {})) {
    if (quantizations[type] !== count) {
      throw new Error(`The file has ${count} tensors of ${type}; the model reports ${quantizations[type]}.`);
    }
  }
}

/** @param {Golden} golden @param {string} name @returns {GoldenCase} */
function caseNamed(golden, name) {
  const found = golden.cases.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`${golden.model.name} has no golden case named "${name}".`);
  return found;
}

/** @param {ReturnType<typeof compareTokens>} comparison @param {readonly number[]} expected @param {GoldenCase} golden */
function tokensDetail({ same, firstDifference }, expected, { margins }) {
  if (same) return `${expected.length} tokens`;
  const margin = margins[firstDifference];
  return `differs at token ${firstDifference} of ${expected.length}, where llama.cpp's margin is ${margin}`;
}

/** Residency budgets: the least that is possible, or a share of all expert bytes. */
export const BUDGETS = /** @type {const} */ (["one slot a layer", 0.1, 0.25, 0.5, 1]);

/** @param {(typeof BUDGETS)[number]} budget */
export const budgetLabel = (budget) => (typeof budget === "number" ? `${budget * 100} %` : budget);

/** Prompts of 1, 17 and 200 tokens. */
export const RESIDENCY_CASES = ["1 token", "17 tokens", "200 tokens"];

/**
 * Expert bytes of the whole model, and of one slot a layer.
 * @param {Engine} engine @param {Golden} golden @param {import("../../src/api/options.ts").LoadOptions} options
 */
export async function budgetRange(engine, golden, options) {
  const { info } = await engine.run(await modelFile(golden), { ...options, expertBudget: "min" }, []);
  const least = info.memory.expertBytes;
  if (info.slotsPerLayer.some((count) => count !== 1)) {
    throw new Error(`The least budget gave layers ${info.slotsPerLayer.join(", ")} slots.`);
  }
  return { least, all: least * info.expertCount };
}

/**
 * Greedy tokens of one model under one expert budget: the golden ones, with no more expert bytes than allowed.
 * @param {Engine} engine
 * @param {import("../../src/api/options.ts").LoadOptions} options
 * @param {Golden} golden
 * @param {(typeof BUDGETS)[number]} budget
 * @param {{ all: number, least: number }} range
 * @param {{ cases?: readonly string[], tokens: number }} limits
 * @returns {Promise<(Check & { replays: number })[]>} `replays` of all prompts together
 */
export async function compareUnderBudget(engine, options, golden, budget, range, limits) {
  const bytes =
    budget === "one slot a layer" ? range.least : Math.max(range.least, Math.ceil(budget * range.all));
  const chosen = (limits.cases ?? RESIDENCY_CASES).map((name) => caseNamed(golden, name));
  const { results, stats } = await engine.run(
    await modelFile(golden),
    { ...options, expertBudget: bytes },
    chosen.map(
      ({ promptIds }) => /** @type {const} */ ({ kind: "generate", ids: promptIds, count: limits.tokens }),
    ),
  );
  const within = stats.peakExpertBytes <= bytes && stats.peakExpertBytes > 0;
  return chosen.map((goldenCase, i) => {
    const expected = goldenCase.ids.slice(0, limits.tokens);
    const greedy = compareTokens(results[i] ?? [], expected);
    const peak = `peak ${stats.peakExpertBytes} of ${bytes} bytes`;
    return {
      name: goldenCase.name,
      passed: greedy.same && within,
      detail: `${tokensDetail(greedy, expected, goldenCase)}, ${peak}${within ? "" : ": not within the budget"}`,
      replays: stats.replays,
    };
  });
}
