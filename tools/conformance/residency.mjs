// @ts-check
/** Policy × predictor × budget × backend: whatever comes, goes or is guessed, the tokens are the golden ones. */
import { basename, dirname } from "node:path";
import { serveStatic } from "../run/static-server.mjs";
import { compareTokens } from "./compare.mjs";
import { budgetRange } from "./matrix.mjs";
import { modelFile } from "./models.mjs";

/**
 * @typedef {import("./engines.mjs").Engine} Engine
 * @typedef {import("./engines.mjs").BackendName} BackendName
 * @typedef {import("./matrix.mjs").Check} Check
 * @typedef {import("./models.mjs").Golden} Golden
 * @typedef {import("../../src/api/options.ts").EvictionPolicy} EvictionPolicy
 * @typedef {import("../../src/api/options.ts").ExpertPrediction} ExpertPrediction
 *
 * @typedef {object} Ways how experts come and go
 * @property {EvictionPolicy} eviction
 * @property {ExpertPrediction} prediction
 */

/** The trained model, and random ones of three other architectures; their golden vectors are committed. */
export const SUBJECTS = ["embedded", "olmoe-b-f16", "granitemoe-b-q8_0", "mixtral-b-bf16"];

/** Of all expert bytes; never less than one slot a layer. */
export const SHARES = /** @type {const} */ ([0, 0.06, 0.12, 0.25, 0.5]);

/** @param {number} share */
export const shareLabel = (share) => (share === 0 ? "one slot a layer" : `${share * 100} %`);

/** @type {readonly EvictionPolicy[]} */
const POLICIES = ["lru", "lfu", "lru-2", "adaptive"];
/** @type {readonly ExpertPrediction[]} */
const PREDICTIONS = ["none", "auto", "gates", "usual", "recent", "token", "layer", "mixed"];

/** @param {readonly EvictionPolicy[]} policies @param {readonly ExpertPrediction[]} predictions @returns {Ways[]} */
const product = (policies, predictions) =>
  policies.flatMap((eviction) => predictions.map((prediction) => ({ eviction, prediction })));

/** A software renderer takes seconds a token: two policies and few tokens there. */
export const WAYS = {
  wasm: {
    ways: product(POLICIES, PREDICTIONS),
    tokens: 40,
    prompts: 3,
    place: /** @type {const} */ ("node"),
  },
  webgpu: {
    ways: product(["lru", "adaptive"], ["none", "auto"]),
    tokens: 6,
    prompts: 1,
    place: /** @type {const} */ ("browser"),
  },
};

/** For `npm test`: any two of a policy, a predictor, a budget and a model meet at least once. */
export const PAIRS = SHARES.flatMap((share, i) =>
  POLICIES.map((eviction, j) => ({
    share,
    ways: { eviction, prediction: /** @type {const} */ (["none", "auto", "gates"])[(i + j) % 3] ?? "none" },
    subject: SUBJECTS[(i + j) % 2] ?? "embedded",
  })),
);

/**
 * One model, backend and budget in several ways, each loaded anew from a server: a local file is never fetched ahead.
 * @param {Engine} engine @param {BackendName} backend @param {Golden} golden @param {number} share of `SHARES`
 * @param {readonly Ways[]} ways
 * @param {{ tokens: number, prompts: number }} limits the shortest prompts of the model, and tokens of each
 * @returns {Promise<Check[]>}
 */
export async function compareResidency(engine, backend, golden, share, ways, { tokens, prompts }) {
  const { contextLength } = golden.model.recipe ?? {};
  const common = { backend, ...(contextLength === undefined ? {} : { contextLength }) };
  const { least, all } = await budgetRange(engine, golden, common);
  const expertBudget = Math.max(least, Math.ceil(share * all));
  const path = await modelFile(golden);
  const chosen = [...golden.cases].sort((a, b) => a.promptIds.length - b.promptIds.length).slice(0, prompts);
  // The page has a server of its own.
  const site = backend === "wasm" ? await serveStatic({ root: dirname(path) }) : undefined;
  const source = site ? site.url + basename(path) : path;
  /** @type {Check[]} */
  const checks = [];
  try {
    for (const { eviction, prediction } of ways) {
      const jobs = chosen.map(
        ({ promptIds }) => /** @type {const} */ ({ kind: "generate", ids: promptIds, count: tokens }),
      );
      const { results, stats } = await engine.run(
        source,
        { ...common, eviction, prediction, expertBudget },
        jobs,
      );
      const same = chosen.every(
        ({ ids }, i) => compareTokens((results[i] ?? []).slice(0, ids.length), ids.slice(0, tokens)).same,
      );
      const within = stats.peakExpertBytes <= expertBudget;
      const perToken = (stats.layerExecutions / Math.max(1, stats.decodedTokens)).toFixed(2);
      checks.push({
        name: `${eviction}, ${prediction}`,
        passed: same && within,
        detail: `${same ? "same" : "other"} tokens, peak ${stats.peakExpertBytes} of ${expertBudget} bytes, ${perToken} layers a token`,
      });
    }
  } finally {
    await site?.close();
  }
  return checks;
}
