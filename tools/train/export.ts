/** A checkpoint as a GGUF of architecture `qwen3moe`, which llama.cpp and this engine read as it is. */
import { CODECS, encode, encodedBytes } from "../../src/backend/testing/quant/codecs.mjs";
import { type MetadataValue, writeGguf } from "../make-model/gguf-writer.mjs";
import { fileTypeNumber } from "../make-model/mixes.mjs";
import { type Encoding, encodingOf } from "./encoding.ts";
import { PRE_TOKENIZER, type Vocabulary } from "./prepare/bpe.ts";
import { CHAT_TEMPLATE, CONTROL_TOKENS, END } from "./prepare/form.ts";
import { tokenTypes } from "./prepare/tokenizer.ts";
import { type Shape, tensorPlaces, type Weights } from "./weights.ts";

export interface ExportOptions extends Encoding {
  readonly out: string;
  readonly vocabulary: Vocabulary;
  /** `general.name`. */
  readonly name: string;
}

function metadataOf(shape: Shape, { type, vocabulary, name }: ExportOptions): Map<string, MetadataValue> {
  const text = (value: string): MetadataValue => ({ kind: "string", value });
  const count = (value: number): MetadataValue => ({ kind: "uint32", value });
  const number = (value: number): MetadataValue => ({ kind: "float32", value });
  const endId = count(CONTROL_TOKENS.indexOf(END));
  const of = (key: string): string => `qwen3moe.${key}`;
  return new Map<string, MetadataValue>([
    ["general.architecture", text("qwen3moe")],
    ["general.type", text("model")],
    ["general.name", text(name)],
    ["general.license", text("CC-BY-SA-4.0")],
    ["general.license.link", text("https://creativecommons.org/licenses/by-sa/4.0/")],
    ["general.file_type", count(fileTypeNumber(type))],
    ["general.quantization_version", count(2)],
    [of("context_length"), count(shape.context)],
    [of("embedding_length"), count(shape.hidden)],
    [of("block_count"), count(shape.layers)],
    [of("feed_forward_length"), count(shape.expertHidden * shape.expertsPerToken)],
    [of("attention.head_count"), count(shape.heads)],
    [of("attention.head_count_kv"), count(shape.kvHeads)],
    [of("attention.key_length"), count(shape.headDim)],
    [of("attention.value_length"), count(shape.headDim)],
    [of("attention.layer_norm_rms_epsilon"), number(shape.normEpsilon)],
    [of("rope.dimension_count"), count(shape.headDim)],
    [of("rope.freq_base"), number(shape.ropeBase)],
    [of("expert_count"), count(shape.experts)],
    [of("expert_used_count"), count(shape.expertsPerToken)],
    [of("expert_feed_forward_length"), count(shape.expertHidden)],
    [of("vocab_size"), count(shape.vocab)],
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text(PRE_TOKENIZER)],
    ["tokenizer.ggml.tokens", { kind: "array", of: "string", value: vocabulary.tokens }],
    ["tokenizer.ggml.token_type", { kind: "array", of: "int32", value: tokenTypes(vocabulary) }],
    ["tokenizer.ggml.merges", { kind: "array", of: "string", value: vocabulary.merges }],
    ["tokenizer.ggml.bos_token_id", endId],
    ["tokenizer.ggml.eos_token_id", endId],
    ["tokenizer.ggml.padding_token_id", endId],
    ["tokenizer.ggml.add_bos_token", { kind: "bool", value: false }],
    ["tokenizer.ggml.add_eos_token", { kind: "bool", value: false }],
    ["tokenizer.chat_template", text(CHAT_TEMPLATE)],
  ]);
}

/** Writes the file. Its tensors are `[columns, rows]`, the experts' `[columns, rows, experts]`. */
export async function exportGguf(
  { shape, values }: Weights,
  options: ExportOptions,
): Promise<{ byteLength: number; sha256: string }> {
  if (options.vocabulary.tokens.length !== shape.vocab) {
    throw new Error(
      `The vocabulary has ${options.vocabulary.tokens.length} tokens, the checkpoint ${shape.vocab}.`,
    );
  }
  const tensors = tensorPlaces(shape).map(({ name, rows, columns, parts }) => {
    const type = encodingOf(name, rows, columns, shape.layers, options);
    const size = rows * columns;
    return {
      name,
      shape: rows === 1 ? [columns] : parts.length === 1 ? [columns, rows] : [columns, rows, parts.length],
      ggmlType: CODECS[type].ggmlType,
      byteLength: encodedBytes(type, size) * parts.length,
      data: () => Buffer.concat(parts.map((at) => encode(type, values.subarray(at, at + size)))),
    };
  });
  return writeGguf(options.out, metadataOf(shape, options), tensors);
}
