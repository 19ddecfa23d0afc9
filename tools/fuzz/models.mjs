// @ts-check
/** The sound models that mutations start from: the smallest that have every part of a real one. */
import { ARCHITECTURES } from "../make-model/architectures.mjs";
import { randomModel } from "../make-model/random-model.mjs";
import { vocabularyOf } from "../make-model/vocabulary.mjs";
import { documentOf, encodeScalar, VALUE_TYPES } from "./document.mjs";

/** @typedef {import("./document.mjs").Document} Document */

/** Control tokens, the 256 bytes, and some merges. */
const VOCAB_SIZE = 320;

/** @type {import("../make-model/architectures.mjs").Shape} */
const SHAPE = {
  layerCount: 2,
  hiddenSize: 32,
  headCount: 2,
  kvHeadCount: 1,
  headDim: 16,
  expertCount: 4,
  expertsPerToken: 2,
  expertHiddenSize: 32,
  sharedHiddenSize: 0,
  denseHiddenSize: 64,
  ropeBase: 10_000,
  tiedOutput: false,
};
const DENSE = { expertCount: 0 };
/** Rows that divide into blocks of 256. */
const WIDE = {
  layerCount: 1,
  hiddenSize: 256,
  headDim: 128,
  expertCount: 2,
  expertsPerToken: 1,
  expertHiddenSize: 256,
};

/**
 * Every architecture once at least, and every encoding.
 * @typedef {{ architecture: keyof typeof ARCHITECTURES, type: import("../make-model/mixes.mjs").FileType,
 *   shape?: Partial<typeof SHAPE>, ropeFactors?: boolean }} Recipe
 * @type {readonly Recipe[]}
 */
const RECIPES = [
  { architecture: "qwen3moe", type: "f32" },
  { architecture: "qwen3moe", type: "f16", shape: { tiedOutput: true } },
  { architecture: "qwen3moe", type: "q8_0" },
  { architecture: "qwen3moe", type: "q4_0" },
  { architecture: "qwen3", type: "q5_0", shape: DENSE },
  { architecture: "qwen2", type: "q4_1", shape: DENSE },
  { architecture: "llama", type: "q5_1" },
  { architecture: "llama", type: "bf16", shape: DENSE, ropeFactors: true },
  { architecture: "olmoe", type: "iq4_nl", shape: { kvHeadCount: 2 } },
  { architecture: "granitemoe", type: "mxfp4", shape: { sharedHiddenSize: 64 } },
  { architecture: "qwen3moe", type: "q4_k_m", shape: WIDE },
  { architecture: "qwen3moe", type: "q3_k", shape: WIDE },
  { architecture: "qwen3moe", type: "q2_k", shape: WIDE },
  { architecture: "qwen3moe", type: "iq4_xs", shape: WIDE },
  { architecture: "qwen3moe", type: "tq1_0", shape: WIDE },
  { architecture: "qwen3moe", type: "tq2_0", shape: WIDE },
];

/**
 * Each model is one document, or several that are the parts of a split in order.
 * @returns {Promise<{ name: string, parts: Document[] }[]>}
 */
export async function soundModels() {
  const vocabulary = vocabularyOf(VOCAB_SIZE);
  const models = [];
  for (const { architecture, type, shape = {}, ropeFactors = false } of RECIPES) {
    const { metadata, tensors } = randomModel({
      architectureName: architecture,
      architecture: ARCHITECTURES[architecture],
      shape: { ...SHAPE, ...shape },
      type,
      ropeFactors,
      seed: 1,
      vocabulary,
      name: "fuzz",
    });
    const whole = await documentOf(architecture, metadata, tensors);
    models.push({ name: `${architecture} ${type}`, parts: [whole] });
    if (type === "q8_0")
      models.push({ name: `${architecture} ${type} in two parts`, parts: splitInTwo(whole) });
  }
  return models;
}

/** As llama.cpp's gguf-split does: all metadata in the first part, `split.*` in each. @param {Document} whole */
function splitInTwo({ architecture, keys, tensors }) {
  const middle = Math.floor(tensors.length / 2);
  return [tensors.slice(0, middle), tensors.slice(middle)].map((own, number) => ({
    keys: [
      ...(number === 0 ? keys : []),
      { name: "split.no", type: VALUE_TYPES.u16, value: encodeScalar("u16", number) },
      { name: "split.count", type: VALUE_TYPES.u16, value: encodeScalar("u16", 2) },
      { name: "split.tensors.count", type: VALUE_TYPES.i32, value: encodeScalar("i32", tensors.length) },
    ],
    architecture,
    tensors: own,
  }));
}
