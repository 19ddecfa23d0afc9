// @ts-check
/** GGUF files for tests: random-weight models, written from nothing but a seed and the shipped vocabulary. */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { writeGguf } from "./gguf-writer.mjs";
import { randomQwen3Moe, SHAPES, VOCAB_SIZE } from "./qwen3moe.mjs";
import { cutVocabulary } from "./vocabulary.mjs";

/** The model that the page ships, whose tokenizer random models borrow. */
export const EMBEDDED_MODEL = fileURLToPath(
  new URL("../../public/models/demo-moe-q8_0.gguf", import.meta.url),
);

/**
 * @param {{ shape: string, type: import("../../src/backend/testing/quant/codecs.mjs").TensorType, seed: number, out: string }} options
 * @returns {Promise<{ byteLength: number, sha256: string }>}
 */
export async function makeModel({ shape: shapeName, type, seed, out }) {
  const shape = SHAPES[shapeName];
  if (!shape) throw new Error(`No shape is named ${shapeName}.`);
  const vocabulary = await cutVocabulary(EMBEDDED_MODEL, VOCAB_SIZE);
  const name = `random-qwen3moe-${shapeName}-${type}-${seed}`;
  const { metadata, tensors } = randomQwen3Moe({ shape, type, seed, vocabulary, name });
  await mkdir(dirname(out), { recursive: true });
  return writeGguf(out, metadata, tensors);
}
