// @ts-check
/** The sound models that mutations start from: the smallest that have every part of a real one. */
import { ARCHITECTURES } from "../make-model/architectures.mjs";
import { EMBEDDED_MODEL } from "../make-model/index.mjs";
import { randomModel } from "../make-model/random-model.mjs";
import { cutVocabulary } from "../make-model/vocabulary.mjs";
import { documentOf, encodeScalar, VALUE_TYPES } from "./document.mjs";

/** @typedef {import("./document.mjs").Document} Document */

/** Control tokens, the 256 bytes, and some merges. */
const VOCAB_SIZE = 320;

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
  denseHiddenSize: 0,
  ropeBase: 10_000,
  tiedOutput: false,
};

const TYPES = /** @type {const} */ (["f32", "f16", "q8_0", "q4_0"]);

/**
 * Each model is one document, or several that are the parts of a split in order.
 * @returns {Promise<{ name: string, parts: Document[] }[]>}
 */
export async function soundModels() {
  const vocabulary = await cutVocabulary(EMBEDDED_MODEL, VOCAB_SIZE);
  /** @param {typeof TYPES[number]} type @param {boolean} tiedOutput */
  const make = (type, tiedOutput) => {
    const made = randomModel({
      architectureName: "qwen3moe",
      architecture: ARCHITECTURES.qwen3moe,
      shape: { ...SHAPE, tiedOutput },
      type,
      ropeFactors: false,
      seed: 1,
      vocabulary,
      name: "fuzz",
    });
    return documentOf(made.metadata, made.tensors);
  };
  const models = [];
  for (const type of TYPES) models.push({ name: type, parts: [await make(type, type === "f16")] });
  models.push({ name: "q8_0 in two parts", parts: splitInTwo(await make("q8_0", false)) });
  return models;
}

/** As llama.cpp's gguf-split does: all metadata in the first part, `split.*` in each. @param {Document} whole */
function splitInTwo({ keys, tensors }) {
  const middle = Math.floor(tensors.length / 2);
  return [tensors.slice(0, middle), tensors.slice(middle)].map((own, number) => ({
    keys: [
      ...(number === 0 ? keys : []),
      { name: "split.no", type: VALUE_TYPES.u16, value: encodeScalar("u16", number) },
      { name: "split.count", type: VALUE_TYPES.u16, value: encodeScalar("u16", 2) },
      { name: "split.tensors.count", type: VALUE_TYPES.i32, value: encodeScalar("i32", tensors.length) },
    ],
    tensors: own,
  }));
}
