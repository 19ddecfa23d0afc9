// @ts-check
/**
 * The int8 profile beside the exact one. Rounding activations changes logits, and on random weights, whose logits are
 * flat and whose routers are undecided, it changes more than on trained ones: a trained model has a limit of its own,
 * a random one may be as far from the exact logits as a small multiple of what llama.cpp itself is, which rounds
 * activations too when it is given the quantised file.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { logitsDistance } from "./compare.mjs";
import { decodeLogits, FAMILIES, modelFile, RECORDED_FOLDER } from "./models.mjs";

/**
 * @typedef {import("./engines.mjs").Engine} Engine
 * @typedef {import("./matrix.mjs").Check} Check
 * @typedef {import("./models.mjs").Golden} Golden
 *
 * @typedef {object} Rounded what llama.cpp makes of the quantised file
 * @property {string} modelSha256
 * @property {number} distance of its logits from those of the exact twin
 *
 * @typedef {object} Agreement
 * @property {number} tokens share of the golden tokens that are likeliest when those before them are given
 * @property {number} [experts] share of routed experts that the exact profile picks too
 * @property {number} oracleDistance
 */

export const INT8 = "WASM, int8 activations";

/** By architecture, the file types that people use. */
export const INT8_TYPES = /** @type {const} */ (["b-q8_0", "b-q4_0", "k-q4_k_m"]);

export const INT8_MODELS = Object.keys(FAMILIES).flatMap((family) =>
  INT8_TYPES.map((type) => `${family}-${type}`),
);

const TRAINED_LIMIT = 2e-2;
const TIMES_ORACLE = 2;

/** @param {string} name */
const pathOf = (name) => join(RECORDED_FOLDER, "int8", `${name}.json`);

/** @param {Golden | undefined} golden @returns {Promise<Rounded | undefined>} */
export async function readRounded(golden) {
  if (!golden) return undefined;
  const text = await readFile(pathOf(golden.model.name), "utf8").catch(() => undefined);
  /** @type {Rounded | undefined} */
  const rounded = text === undefined ? undefined : JSON.parse(text);
  return rounded?.modelSha256 === golden.model.sha256 ? rounded : undefined;
}

/**
 * Measures llama.cpp on a model's quantised file, unless that has been done.
 * @param {typeof import("../oracle/oracle.mjs")} library @param {Golden} golden @param {number} contextSize
 */
export async function recordRounded({ openOracle }, golden, contextSize) {
  const [logits] = golden.logits;
  if (!logits || (await readRounded(golden))) return;
  const oracle = await openOracle(await modelFile(golden), { contextSize });
  const own = await oracle.centredLogits(logits.promptIds).finally(() => oracle.dispose());
  await mkdir(join(RECORDED_FOLDER, "int8"), { recursive: true });
  /** @type {Rounded} */
  const rounded = {
    modelSha256: golden.model.sha256,
    distance: logitsDistance(own, decodeLogits(logits)),
  };
  await writeFile(pathOf(golden.model.name), JSON.stringify(rounded));
}

/**
 * Logits after a prompt, and the golden tokens one by one, each after those before it.
 * @param {Engine} engine @param {Golden} golden @param {Rounded} rounded
 * @returns {Promise<(Check & Agreement)[]>}
 */
export async function compareInt8(engine, golden, rounded) {
  const [logits] = golden.logits;
  const [goldenCase] = golden.cases;
  if (!logits || !goldenCase) throw new Error(`${golden.model.name} has no golden logits or tokens.`);
  const { promptIds, ids } = goldenCase;
  const path = await modelFile(golden);
  const run = (/** @type {"f32" | "int8"} */ activations) =>
    engine.run(path, { backend: "wasm", activations }, [
      { kind: "logits", ids: logits.promptIds },
      { kind: "forced", ids: promptIds, continuation: ids },
    ]);
  const exact = await run("f32");
  const int8 = await run("int8");
  if (int8.info.numerics.activations !== "int8") throw new Error("Asked for int8 activations, got f32.");

  const distance = logitsDistance(int8.results[0] ?? [], decodeLogits(logits));
  const limit = golden.model.recipe ? TIMES_ORACLE * rounded.distance : TRAINED_LIMIT;
  const steps = (/** @type {typeof exact} */ { results }) => inSteps(results[1] ?? [], ids.length);
  const tokens = share(steps(int8).map(({ token }, i) => token === ids[i]));
  const experts = share(
    steps(int8).flatMap(({ picks }, i) => {
      const { expertsPerToken: each } = int8.info;
      const other = steps(exact)[i]?.picks ?? [];
      return picks.map((pick, at) => {
        const layer = at - (at % each);
        return other.slice(layer, layer + each).includes(pick);
      });
    }),
  );
  return [
    {
      name: "logits, tokens and experts",
      passed: distance <= limit,
      detail: `rms difference / deviation ${distance.toExponential(1)}, limit ${limit.toExponential(1)}`,
      distance,
      tokens,
      ...(golden.model.recipe?.dense || Number.isNaN(experts) ? {} : { experts }),
      oracleDistance: rounded.distance,
    },
  ];
}

/** What a "forced" job answers. @param {readonly number[]} list @param {number} count */
function inSteps(list, count) {
  const length = list.length / count;
  if (!Number.isInteger(length)) throw new Error(`${list.length} numbers are not those of ${count} steps.`);
  return Array.from({ length: count }, (_, i) => ({
    token: list[i * length],
    picks: list.slice(i * length + 1, (i + 1) * length),
  }));
}

/** @param {readonly boolean[]} list */
const share = (list) => list.filter(Boolean).length / list.length;
