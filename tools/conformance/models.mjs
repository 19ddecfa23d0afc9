// @ts-check
/** The models that are compared, where they are made, and the golden vectors that belong to each. */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EMBEDDED_MODEL, makeModel } from "../make-model/index.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Made models, twins and measurements: nothing here is committed. */
export const WORK = join(ROOT, ".cache", "conformance");

/** Golden vectors that `npm test` needs are committed; those of the full product are recorded where it runs. */
const COMMITTED = fileURLToPath(new URL("golden", import.meta.url));
const RECORDED = join(WORK, "golden");

/**
 * @typedef {import("../make-model/mixes.mjs").FileType} FileType
 * @typedef {import("../make-model/index.mjs").Recipe} Recipe
 *
 * @typedef {object} MadeModel
 * @property {string} name
 * @property {string} family
 * @property {Omit<Recipe, "seed">} recipe
 */

/** What the architectures are called here: `llama` is two, with and without experts. */
export const FAMILIES = /** @type {const} */ ({
  qwen3moe: { arch: "qwen3moe" },
  olmoe: { arch: "olmoe" },
  mixtral: { arch: "llama" },
  granitemoe: { arch: "granitemoe" },
  llama: { arch: "llama", dense: true },
  qwen2: { arch: "qwen2" },
  qwen3: { arch: "qwen3" },
});

/** Encodings whose blocks fit rows of 32, in shapes with and without powers of two. @type {readonly FileType[]} */
const SMALL_BLOCKS = ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "iq4_nl", "mxfp4"];
/** Encodings that need rows of 256, in shapes that have them. @type {readonly FileType[]} */
const LARGE_BLOCKS = ["q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_xs", "tq1_0", "tq2_0"];
/** File types that mix encodings; in shape `b` all large blocks are replaced by small ones. @type {readonly FileType[]} */
const MIXES = ["q3_k_m", "q4_k_m", "q5_k_m"];

export const FILE_TYPES = [...SMALL_BLOCKS, ...LARGE_BLOCKS, ...MIXES];

/** Two a type, the one without powers of two first. @param {FileType} type @returns {readonly string[]} */
export function shapesOf(type) {
  if (SMALL_BLOCKS.includes(type)) return ["b", "a"];
  return LARGE_BLOCKS.includes(type) ? ["w", "k"] : ["b", "k"];
}

/** @param {string} name @returns {{ family: string } & Pick<Recipe, "arch" | "dense">} */
function familyNamed(name) {
  const entry = Object.entries(FAMILIES).find(([family]) => family === name);
  if (!entry) throw new Error(`No family of models is named ${name}.`);
  return { family: name, ...entry[1] };
}

/** @param {string} name @param {string} shape @param {FileType} type @returns {MadeModel} */
function architectureModel(name, shape, type) {
  const { family, ...rest } = familyNamed(name);
  return { name: `${family}-${shape}-${type}`, family, recipe: { ...rest, shape, type } };
}

/** Architecture × type × two shapes. @type {readonly MadeModel[]} */
export const ARCHITECTURE_MODELS = FILE_TYPES.flatMap((type) =>
  shapesOf(type).flatMap((shape) =>
    Object.keys(FAMILIES).map((name) => architectureModel(name, shape, type)),
  ),
);

/** Each type once and each architecture three times, shapes in turn: what `npm test` compares. @type {readonly MadeModel[]} */
export const SAMPLE_MODELS = FILE_TYPES.map((type, i) => {
  const families = Object.keys(FAMILIES);
  const family = families[i % families.length] ?? "";
  return architectureModel(family, shapesOf(type)[Math.floor(i / families.length) % 2] ?? "", type);
});

/** Whose logits are compared at far positions. @type {readonly MadeModel[]} */
export const POSITION_MODELS = Object.keys(FAMILIES).map((name) => {
  const { family, ...rest } = familyNamed(name);
  return {
    name: `${family}-b-q8_0-1024`,
    family,
    recipe: { ...rest, shape: "b", type: "q8_0", contextLength: 1024 },
  };
});

/** Those of the full set of configurations. @type {readonly MadeModel[]} */
export const RANDOM_MODELS = ["a", "b"].flatMap((shape) =>
  /** @type {const} */ (["f32", "f16", "q8_0", "q4_0"]).map((type) => ({
    name: `random-${shape}-${type}`,
    family: "qwen3moe",
    recipe: { shape, type },
  })),
);

/**
 * The golden vectors of one model.
 * @typedef {object} GoldenCase
 * @property {string} name
 * @property {string} text
 * @property {number} [tokens] the prompt is the text's first so many tokens
 * @property {number[]} promptIds
 * @property {number[]} ids greedy continuation
 * @property {number[]} margins likeliest minus next best logit, per step, 4 decimals
 *
 * @typedef {object} GoldenLogits
 * @property {number[]} promptIds
 * @property {string} centred logits after the prompt, minus their mean; base64 of little-endian f32 `[vocabSize]`
 *
 * @typedef {object} Golden
 * @property {{ llamaCpp: string, nodeLlamaCpp: string }} oracle
 * @property {{ name: string, sha256: string, twinSha256: string, recipe?: Recipe, tensorTypes?: Record<string, number> }} model
 *   `tensorTypes`: tensors by encoding, as the file has them
 * @property {GoldenCase[]} cases
 * @property {GoldenLogits[]} logits
 */

/** @param {string} folder @param {string} name @returns {Promise<Golden>} */
const readFrom = async (folder, name) => JSON.parse(await readFile(join(folder, `${name}.json`), "utf8"));

/** Committed golden vectors. @param {string} name */
export const readGolden = (name) => readFrom(COMMITTED, name);

/** Golden vectors recorded on this machine. @param {string} name @returns {Promise<Golden | undefined>} */
export const readRecorded = (name) => readFrom(RECORDED, name).catch(() => undefined);

/** @param {Golden} golden */
export const writeGolden = (golden) => writeTo(COMMITTED, golden);
/** @param {Golden} golden */
export const writeRecorded = (golden) => writeTo(RECORDED, golden);

/** @param {string} folder @param {Golden} golden */
async function writeTo(folder, golden) {
  // Lists of numbers on one line each: a change of one token is then a change of one line.
  const text = JSON.stringify(golden, null, 2).replace(
    /\[\s+([-\d.,\s]+?)\s+\]/g,
    (_, list) => `[${list.replace(/\s+/g, " ")}]`,
  );
  await writeFile(join(folder, `${golden.model.name}.json`), `${text}\n`);
}

export { RECORDED as RECORDED_FOLDER };

/** @param {ArrayLike<number>} values */
export function encodeLogits(values) {
  const bytes = Buffer.alloc(values.length * 4);
  for (let i = 0; i < values.length; i++) bytes.writeFloatLE(values[i] ?? Number.NaN, i * 4);
  return bytes.toString("base64");
}

/** @param {GoldenLogits} logits @returns {Float32Array} */
export function decodeLogits({ centred }) {
  const bytes = Buffer.from(centred, "base64");
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
}

/** @param {string} path */
export async function sha256Of(path) {
  return createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
}

/**
 * The model's file, made if need be, and checked to be the one the golden vectors were recorded with.
 * @param {Golden} golden
 * @returns {Promise<string>} path
 */
export async function modelFile({ model }) {
  const path = model.recipe ? join(WORK, `${model.name}-${model.recipe.seed}.gguf`) : EMBEDDED_MODEL;
  const present = await sha256Of(path).catch(() => undefined);
  if (present === model.sha256) return path;
  const sha256 = model.recipe ? (await makeModel({ ...model.recipe, out: path })).sha256 : present;
  if (sha256 !== model.sha256) {
    throw new Error(
      `${path} has sha256 ${sha256}; the golden vectors are of ${model.sha256}. Record them anew.`,
    );
  }
  return path;
}
