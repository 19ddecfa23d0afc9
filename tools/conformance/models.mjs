// @ts-check
/** The models that are compared, and where they are made. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EMBEDDED_MODEL, makeModel } from "../make-model/index.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const GOLDEN = fileURLToPath(new URL("golden", import.meta.url));

/** Made models, twins and measurements: nothing here is committed. */
export const WORK = join(ROOT, ".cache", "conformance");

/** @typedef {import("../../src/backend/testing/quant/codecs.mjs").TensorType} TensorType */

/** @type {readonly TensorType[]} */
const TYPES = ["f32", "f16", "q8_0", "q4_0"];

/** Every random model: shape and type. @type {ReadonlyArray<{ name: string, shape: string, type: TensorType }>} */
export const RANDOM_MODELS = ["a", "b"].flatMap((shape) =>
  TYPES.map((type) => ({ name: `random-${shape}-${type}`, shape, type })),
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
 * @typedef {object} Golden
 * @property {{ llamaCpp: string, nodeLlamaCpp: string }} oracle
 * @property {{ name: string, sha256: string, twinSha256: string, recipe?: { shape: string, type: TensorType, seed: number } }} model
 * @property {GoldenCase[]} cases
 * @property {{ promptIds: number[], centred: string }} logits after the prompt, minus their mean; base64 of
 *   little-endian f32 `[vocabSize]`
 */

/** @param {string} name */
export const goldenPath = (name) => join(GOLDEN, `${name}.json`);

/** @param {string} name @returns {Promise<Golden>} */
export async function readGolden(name) {
  return JSON.parse(await readFile(goldenPath(name), "utf8"));
}

/** @param {Golden} golden @returns {Float32Array} */
export function goldenLogits({ logits }) {
  const bytes = Buffer.from(logits.centred, "base64");
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
  if (model.recipe) {
    const present = await sha256Of(path).catch(() => undefined);
    if (present !== model.sha256) await makeModel({ ...model.recipe, out: path });
  }
  const sha256 = await sha256Of(path);
  if (sha256 !== model.sha256) {
    throw new Error(
      `${path} has sha256 ${sha256}; the golden vectors are of ${model.sha256}. Record them anew.`,
    );
  }
  return path;
}
