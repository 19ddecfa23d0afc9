// @ts-check
/** Random-weight `qwen3moe` models, the keys and tensors as llama.cpp reads them (`src/models/qwen3moe.cpp`). */
import { CODECS, encode, encodedBytes } from "../../src/backend/testing/quant/codecs.mjs";
import { randomStream } from "./random.mjs";

/**
 * @typedef {import("../../src/backend/testing/quant/codecs.mjs").TensorType} TensorType
 * @typedef {import("./gguf-writer.mjs").MetadataValue} MetadataValue
 * @typedef {import("./gguf-writer.mjs").TensorToWrite} TensorToWrite
 *
 * @typedef {object} Shape
 * @property {number} layerCount
 * @property {number} hiddenSize
 * @property {number} headCount
 * @property {number} kvHeadCount
 * @property {number} headDim
 * @property {number} expertCount
 * @property {number} expertsPerToken
 * @property {number} expertHiddenSize
 * @property {number} ropeBase
 * @property {boolean} tiedOutput the embedding matrix is the output matrix too
 */

/**
 * `a` is a small member of the family; `b` has no power of two where none is needed, so that padding, remainder
 * loops and partial workgroups are used. Rows are multiples of 32, which q8_0 and q4_0 need.
 * @type {Readonly<Record<string, Shape>>}
 */
export const SHAPES = {
  a: {
    layerCount: 4,
    hiddenSize: 256,
    headCount: 8,
    kvHeadCount: 4,
    headDim: 64,
    expertCount: 16,
    expertsPerToken: 4,
    expertHiddenSize: 128,
    ropeBase: 1_000_000,
    tiedOutput: false,
  },
  b: {
    layerCount: 3,
    hiddenSize: 192,
    headCount: 8,
    kvHeadCount: 2,
    headDim: 40,
    expertCount: 12,
    expertsPerToken: 3,
    expertHiddenSize: 96,
    ropeBase: 10_000,
    tiedOutput: true,
  },
};

export const VOCAB_SIZE = 2048;
const CONTEXT_LENGTH = 512;

/**
 * Weights are normal with standard deviation gain / √(row length). With these gains activations stay sane through
 * the layers, the router is neither flat nor always sure, and greedy text does not loop.
 */
const GAINS = {
  attn_q: 1.5,
  attn_k: 1.5,
  attn_v: 1,
  attn_output: 0.7,
  ffn_gate_inp: 2,
  ffn_gate_exps: 1.2,
  ffn_up_exps: 1.2,
  ffn_down_exps: 1,
};
/** Standard deviation of the logits: wide enough that the likeliest token stands out. */
const LOGIT_DEVIATION = 3;
const EMBEDDING_DEVIATION = 0.5;
/** An output matrix that is the embedding too must be small, or each token predicts itself. */
const TIED_EMBEDDING_DEVIATION = 0.05;
const NORM_DEVIATION = 0.1;

/**
 * @param {object} options
 * @param {Shape} options.shape
 * @param {TensorType} options.type of every matrix but the routers, which are F32 as the norms are
 * @param {number} options.seed
 * @param {Awaited<ReturnType<typeof import("./vocabulary.mjs").cutVocabulary>>} options.vocabulary
 * @param {string} options.name
 * @returns {{ metadata: Map<string, MetadataValue>, tensors: TensorToWrite[] }}
 */
export function randomQwen3Moe({ shape, type, seed, vocabulary, name }) {
  const queryRows = shape.headCount * shape.headDim;
  const keyRows = shape.kvHeadCount * shape.headDim;
  const vocabSize = vocabulary.tokens.length;

  /** @type {(name: string, dimensions: number[], as: TensorType, make: () => Float32Array) => TensorToWrite} */
  const tensor = (tensorName, dimensions, as, make) => {
    if ((dimensions[0] ?? 0) % CODECS[as].blockSize !== 0) {
      throw new Error(`Rows of ${tensorName} have ${dimensions[0]} elements, not whole blocks of ${as}.`);
    }
    return {
      name: `${tensorName}.weight`,
      shape: dimensions,
      ggmlType: CODECS[as].ggmlType,
      byteLength: encodedBytes(
        as,
        dimensions.reduce((a, b) => a * b, 1),
      ),
      data: () => encode(as, make()),
    };
  };
  /** @type {(name: string, length: number, deviation: number, mean?: number) => Float32Array} */
  const normals = (tensorName, length, deviation, mean = 0) => {
    const random = randomStream(seed, tensorName);
    return Float32Array.from({ length }, () => mean + deviation * random.normal());
  };
  /** @type {(name: string, gain: number, dimensions: number[], as?: TensorType) => TensorToWrite} */
  const matrix = (tensorName, gain, dimensions, as = type) =>
    tensor(tensorName, dimensions, as, () =>
      normals(
        tensorName,
        dimensions.reduce((a, b) => a * b, 1),
        gain / Math.sqrt(dimensions[0] ?? 1),
      ),
    );
  /** @type {(name: string, length: number, mean?: number) => TensorToWrite} */
  const norm = (tensorName, length, mean = 1) =>
    tensor(tensorName, [length], "f32", () => normals(tensorName, length, NORM_DEVIATION * mean, mean));
  /** Zero rows give tokens a logit of 0, which is never the largest. @param {Float32Array} rows */
  const silence = (rows) => {
    for (const id of vocabulary.unspeakable) rows.fill(0, id * shape.hiddenSize, (id + 1) * shape.hiddenSize);
    return rows;
  };

  const vocabShape = [shape.hiddenSize, vocabSize];
  // The normed hidden state has length √hiddenSize: what the matrix lacks, the norm before it makes up.
  const outputDeviation = shape.tiedOutput
    ? TIED_EMBEDDING_DEVIATION
    : LOGIT_DEVIATION / Math.sqrt(shape.hiddenSize);
  const outputNormMean = LOGIT_DEVIATION / (outputDeviation * Math.sqrt(shape.hiddenSize));
  const tensors = [
    tensor("token_embd", vocabShape, type, () =>
      shape.tiedOutput
        ? silence(normals("token_embd", shape.hiddenSize * vocabSize, outputDeviation))
        : normals("token_embd", shape.hiddenSize * vocabSize, EMBEDDING_DEVIATION),
    ),
  ];
  for (let layer = 0; layer < shape.layerCount; layer++) {
    /** @param {string} part */
    const at = (part) => `blk.${layer}.${part}`;
    const { hiddenSize, expertHiddenSize, expertCount, headDim } = shape;
    tensors.push(
      norm(at("attn_norm"), hiddenSize),
      matrix(at("attn_q"), GAINS.attn_q, [hiddenSize, queryRows]),
      matrix(at("attn_k"), GAINS.attn_k, [hiddenSize, keyRows]),
      matrix(at("attn_v"), GAINS.attn_v, [hiddenSize, keyRows]),
      matrix(at("attn_output"), GAINS.attn_output, [queryRows, hiddenSize]),
      norm(at("attn_q_norm"), headDim),
      norm(at("attn_k_norm"), headDim),
      norm(at("ffn_norm"), hiddenSize),
      matrix(at("ffn_gate_inp"), GAINS.ffn_gate_inp, [hiddenSize, expertCount], "f32"),
      matrix(at("ffn_gate_exps"), GAINS.ffn_gate_exps, [hiddenSize, expertHiddenSize, expertCount]),
      matrix(at("ffn_down_exps"), GAINS.ffn_down_exps, [expertHiddenSize, hiddenSize, expertCount]),
      matrix(at("ffn_up_exps"), GAINS.ffn_up_exps, [hiddenSize, expertHiddenSize, expertCount]),
    );
  }
  tensors.push(norm("output_norm", shape.hiddenSize, outputNormMean));
  if (!shape.tiedOutput) {
    tensors.push(
      tensor("output", vocabShape, type, () =>
        silence(normals("output", shape.hiddenSize * vocabSize, outputDeviation)),
      ),
    );
  }
  return { metadata: metadataOf(shape, type, vocabulary, name), tensors };
}

/**
 * @param {Shape} shape @param {TensorType} type
 * @param {{ tokens: string[], merges: string[], types: number[] }} vocabulary @param {string} name
 * @returns {Map<string, MetadataValue>}
 */
function metadataOf(shape, type, vocabulary, name) {
  /** @type {(value: number) => MetadataValue} */
  const count = (value) => ({ kind: "uint32", value });
  /** @type {(value: number) => MetadataValue} */
  const real = (value) => ({ kind: "float32", value });
  /** @type {(value: string) => MetadataValue} */
  const text = (value) => ({ kind: "string", value });
  return new Map([
    ["general.architecture", text("qwen3moe")],
    ["general.type", text("model")],
    ["general.name", text(name)],
    ["general.description", text("Random weights, for tests; its text means nothing.")],
    ["general.file_type", count(CODECS[type].fileType)],
    ["general.quantization_version", count(2)],
    ["qwen3moe.context_length", count(CONTEXT_LENGTH)],
    ["qwen3moe.embedding_length", count(shape.hiddenSize)],
    ["qwen3moe.block_count", count(shape.layerCount)],
    ["qwen3moe.feed_forward_length", count(shape.expertHiddenSize * shape.expertsPerToken)],
    ["qwen3moe.attention.head_count", count(shape.headCount)],
    ["qwen3moe.attention.head_count_kv", count(shape.kvHeadCount)],
    ["qwen3moe.attention.key_length", count(shape.headDim)],
    ["qwen3moe.attention.value_length", count(shape.headDim)],
    ["qwen3moe.attention.layer_norm_rms_epsilon", real(1e-6)],
    ["qwen3moe.rope.dimension_count", count(shape.headDim)],
    ["qwen3moe.rope.freq_base", real(shape.ropeBase)],
    ["qwen3moe.expert_count", count(shape.expertCount)],
    ["qwen3moe.expert_used_count", count(shape.expertsPerToken)],
    ["qwen3moe.expert_feed_forward_length", count(shape.expertHiddenSize)],
    ["qwen3moe.vocab_size", count(vocabulary.tokens.length)],
    ["tokenizer.ggml.model", text("gpt2")],
    ["tokenizer.ggml.pre", text("gpt-2")],
    ["tokenizer.ggml.tokens", { kind: "array", of: "string", value: vocabulary.tokens }],
    ["tokenizer.ggml.token_type", { kind: "array", of: "int32", value: vocabulary.types }],
    ["tokenizer.ggml.merges", { kind: "array", of: "string", value: vocabulary.merges }],
    ["tokenizer.ggml.bos_token_id", count(0)],
    ["tokenizer.ggml.eos_token_id", count(0)],
    ["tokenizer.ggml.padding_token_id", count(0)],
    ["tokenizer.ggml.add_bos_token", { kind: "bool", value: false }],
    ["tokenizer.ggml.add_eos_token", { kind: "bool", value: false }],
  ]);
}
