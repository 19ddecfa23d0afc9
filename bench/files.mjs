// @ts-check
/** The models that are measured: the one that the page ships, and random ones made once and kept. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodedBytes, typeOf } from "../src/backend/testing/quant/codecs.mjs";
import { SHAPES } from "../tools/make-model/architectures.mjs";
import { readGguf } from "../tools/make-model/gguf-reader.mjs";
import { EMBEDDED_MODEL, makeModel } from "../tools/make-model/index.mjs";
import { matrixType } from "../tools/make-model/mixes.mjs";
import { VOCAB_SIZE } from "../tools/make-model/random-model.mjs";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const CACHE = join(ROOT, ".cache", "bench");
const MODELS = join(CACHE, "models");

/**
 * @typedef {import("../tools/make-model/index.mjs").Recipe} Recipe
 * @typedef {"q4_0" | "q8_0" | "q4_k" | "q4_k_m"} FileType
 *
 * @typedef {object} ModelFile
 * @property {string} name of the family, as in `--files`
 * @property {string} type
 * @property {string} path
 * @property {number} byteLength
 * @property {number} embeddingBytes of which a token reads a row
 * @property {number} contextLength positions of a session: enough for every measure, or all that the model has
 */

export const FILE_TYPES = /** @type {const} */ (["q4_0", "q8_0", "q4_k_m"]);

/** Positions of the longest measure, rounded to what llama.cpp rounds a context to. */
const CONTEXT_LENGTH = 1280;
const EMBEDDED_CONTEXT = 1024;

/** What each family is; the recipe of a random one. @type {Readonly<Record<string, { what: string, recipe?: Pick<Recipe, "arch" | "shape"> }>>} */
export const FAMILIES = {
  embedded: { what: "the trained model of the page: 14 MB, 32 experts (4 a token), hidden 256" },
  olmoe: {
    what: "random, OLMoE-1B-7B's layers, 4 of 16: 64 experts (8 a token) of 1024, hidden 2048",
    recipe: { arch: "olmoe", shape: "x64" },
  },
  mixtral: {
    what: "random, Mixtral's proportions: 8 experts (2 a token) of 4608, hidden 1280, 2 layers",
    recipe: { arch: "llama", shape: "x8" },
  },
  qwen3moe: {
    what: "random, Qwen3-30B-A3B's many small experts: 128 (8 a token) of 768, hidden 1024, 2 layers",
    recipe: { arch: "qwen3moe", shape: "x128" },
  },
};

/** What a random model's bytes depend on besides its recipe. */
async function makerDigest() {
  const hash = createHash("sha256");
  for (const folder of ["tools/make-model", "src/backend/testing/quant"]) {
    const names = (await readdir(join(ROOT, folder))).filter((name) => /\.(mjs|txt)$/.test(name)).sort();
    for (const name of names) hash.update(name).update(await readFile(join(ROOT, folder, name)));
  }
  return hash.digest("hex");
}

/** Room that must be free on the disk. */
const LEAST_FREE_BYTES = 4e9;

/**
 * @param {string} name @param {Pick<Recipe, "arch" | "shape" | "layerCount">} shape @param {FileType} type
 * @param {number} leastFreeBytes
 */
async function madeFile(name, shape, type, leastFreeBytes = LEAST_FREE_BYTES) {
  const recipe = { ...shape, type, seed: 1, pooled: true, contextLength: 2048 };
  const digest = createHash("sha256")
    .update(JSON.stringify(recipe))
    .update(await makerDigest());
  const path = join(MODELS, `${name}-${type}-${digest.digest("hex").slice(0, 12)}.gguf`);
  if (existsSync(path)) return path;
  await mkdir(MODELS, { recursive: true });
  // Files of older recipes are of no more use.
  for (const old of await readdir(MODELS)) {
    if (old.startsWith(`${name}-${type}-`)) await rm(join(MODELS, old));
  }
  const { bavail, bsize } = await statfs(MODELS);
  if (bavail * bsize < leastFreeBytes)
    throw new Error(`Less than ${leastFreeBytes / 1e9} GB are free in ${MODELS}.`);
  console.log(`Making ${name}, ${type} …`);
  await makeModel({ ...recipe, out: `${path}.partial` });
  await rename(`${path}.partial`, path);
  return path;
}

/** @param {Pick<Recipe, "shape"> | undefined} recipe none of the embedded model @param {FileType} type */
async function embeddingBytesOf(recipe, type) {
  const name = "token_embd";
  if (!recipe) {
    const { tensors } = await readGguf(EMBEDDED_MODEL);
    const embedding = tensors.find((tensor) => tensor.name === `${name}.weight`);
    return embedding ? encodedBytes(typeOf(embedding.ggmlType), embedding.elementCount) : 0;
  }
  const shape = SHAPES[recipe.shape];
  if (!shape) throw new Error(`No shape is named ${recipe.shape}.`);
  const { hiddenSize: cols, layerCount, tiedOutput } = shape;
  return encodedBytes(matrixType(type, name, { layer: 0, layerCount, cols, tiedOutput }), cols * VOCAB_SIZE);
}

/**
 * @param {readonly string[]} names of families @param {readonly string[]} types of the random ones
 * @returns {Promise<ModelFile[]>}
 */
export async function modelFiles(names, types) {
  const files = [];
  for (const name of names) {
    const recipe = FAMILIES[name]?.recipe;
    /** @type {FileType[]} */
    const chosen = recipe ? FILE_TYPES.filter((one) => types.includes(one)) : ["q4_k"];
    for (const type of chosen) {
      const path = recipe ? await madeFile(name, recipe, type) : EMBEDDED_MODEL;
      const embeddingBytes = await embeddingBytesOf(recipe, type);
      const contextLength = recipe ? CONTEXT_LENGTH : EMBEDDED_CONTEXT;
      files.push({ name, type, path, byteLength: (await stat(path)).size, embeddingBytes, contextLength });
    }
  }
  return files;
}

/** The file, what a browser stores of it, and some to spare. */
const LARGE_FREE_BYTES = 14e9;

/** Layers that bring the file beyond 2³² bytes: offsets need more than 32 bits. */
const LARGE_LAYERS = 14;

/** A model larger than what a tab may have, made once and kept. @returns {Promise<Pick<ModelFile, "path" | "byteLength">>} */
export async function largeFile() {
  const shape = { arch: "qwen3moe", shape: "x128", layerCount: LARGE_LAYERS };
  const path = await madeFile("large", shape, "q8_0", LARGE_FREE_BYTES);
  return { path, byteLength: (await stat(path)).size };
}
