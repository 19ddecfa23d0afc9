/** A GGUF as the scoring program reads it: its weights dequantised, its own tokenizer, its own shape. */
import { decode, encodedBytes, typeOf } from "../../../src/backend/testing/quant/codecs.mjs";
import { metadataOf } from "../../../src/model/gguf/metadata.ts";
import { parseGguf } from "../../../src/model/gguf/parse.ts";
import { tokenizerFrom } from "../../../src/model/tokenizer/from-metadata.ts";
import type { Tokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import type { Core } from "../../../src/wasm/core.ts";
import { readGguf } from "../../make-model/gguf-reader.mjs";
import { type Shape, tensorPlaces, weightCount } from "../weights.ts";

export interface ReadModel {
  readonly shape: Shape;
  readonly values: Float32Array;
  readonly tokenizer: Tokenizer;
  readonly byteLength: number;
}

/** Reads a `qwen3moe` file with a tied output matrix. Throws where a tensor is missing or of another size. */
export async function readModel(path: string, core: Core): Promise<ReadModel> {
  const { bytes, tensors } = await readGguf(path);
  const metadata = metadataOf(parseGguf(bytes, bytes.length));
  const architecture = metadata.string("general.architecture");
  if (architecture !== "qwen3moe")
    throw new Error(`${path} is of architecture ${architecture}, not qwen3moe.`);
  const count = (key: string): number => metadata.count(`qwen3moe.${key}`, 1, 1 << 20);
  const tokenizer = tokenizerFrom(metadata, core);
  const shape: Shape = {
    layers: count("block_count"),
    hidden: count("embedding_length"),
    heads: count("attention.head_count"),
    kvHeads: count("attention.head_count_kv"),
    headDim: count("attention.key_length"),
    experts: count("expert_count"),
    expertsPerToken: count("expert_used_count"),
    expertHidden: count("expert_feed_forward_length"),
    vocab: tokenizer.vocabSize,
    context: count("context_length"),
    ropeBase: metadata.positive("qwen3moe.rope.freq_base"),
    normEpsilon: metadata.positive("qwen3moe.attention.layer_norm_rms_epsilon"),
  };
  const values = new Float32Array(weightCount(shape));
  for (const { name, rows, columns, parts } of tensorPlaces(shape)) {
    const tensor = tensors.find((candidate) => candidate.name === name);
    const size = rows * columns;
    if (tensor?.elementCount !== size * parts.length)
      throw new Error(`${path}: ${name} is missing or of another size.`);
    const type = typeOf(tensor.ggmlType);
    const bytesOfPart = encodedBytes(type, size);
    for (const [index, at] of parts.entries()) {
      const from = tensor.offset + index * bytesOfPart;
      values.set(decode(type, bytes.subarray(from, from + bytesOfPart), size), at);
    }
  }
  return { shape, values, tokenizer, byteLength: bytes.length };
}
