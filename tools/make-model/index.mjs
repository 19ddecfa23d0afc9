// @ts-check
/** GGUF files for tests: random-weight models, written from nothing but a seed and the vocabulary beside this file. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ARCHITECTURES, shapeFor } from "./architectures.mjs";
import { writeGguf } from "./gguf-writer.mjs";
import { randomModel, VOCAB_SIZE } from "./random-model.mjs";
import { vocabularyOf } from "./vocabulary.mjs";

/** The model that the page ships. */
export const EMBEDDED_MODEL = fileURLToPath(
  new URL("../../public/models/demo-moe-q4_k.gguf", import.meta.url),
);

/**
 * @typedef {object} Recipe what a model is made from; the same recipe gives the same bytes
 * @property {string} [arch] `general.architecture`, by default qwen3moe
 * @property {string} shape
 * @property {import("./mixes.mjs").FileType} type
 * @property {number} seed
 * @property {boolean} [dense] without experts, where the architecture may have them
 * @property {boolean} [ropeFactors] with `rope_freqs.weight` (llama)
 * @property {number} [contextLength] positions that the model says it is made for, by default 512
 * @property {number} [layerCount] another depth than the shape's
 * @property {boolean} [pooled] for models of a gigabyte: see `block-pool.mjs`
 */

/**
 * @param {Recipe & { out: string }} options
 * @returns {Promise<{ byteLength: number, sha256: string }>}
 */
export async function makeModel({
  arch = "qwen3moe",
  shape,
  type,
  seed,
  dense = false,
  ropeFactors = false,
  contextLength,
  layerCount,
  pooled = false,
  out,
}) {
  /** @type {Readonly<Record<string, import("./architectures.mjs").Architecture>>} */
  const architectures = ARCHITECTURES;
  const architecture = architectures[arch];
  if (!architecture) {
    throw new Error(`No architecture is named ${arch}; there are ${Object.keys(ARCHITECTURES).join(", ")}.`);
  }
  if ((dense || ropeFactors) && arch !== "llama") {
    throw new Error("Only llama may be dense or not, and have rope factors.");
  }
  const vocabulary = vocabularyOf(VOCAB_SIZE);
  const { metadata, tensors } = randomModel({
    architectureName: arch,
    architecture,
    shape: { ...shapeFor(shape, architecture, dense), ...(layerCount === undefined ? {} : { layerCount }) },
    type,
    ropeFactors,
    seed,
    pooled,
    ...(contextLength === undefined ? {} : { contextLength }),
    vocabulary,
    name: `random-${arch}-${shape}-${type}-${seed}`,
  });
  await mkdir(dirname(out), { recursive: true });
  return writeGguf(out, metadata, tensors);
}
