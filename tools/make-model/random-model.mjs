// @ts-check
/** Random-weight models of every architecture. */
import { CODECS, encode, encodedBytes } from "../../src/backend/testing/quant/codecs.mjs";
import { createPool, drawBlocks } from "./block-pool.mjs";
import { fileTypeNumber, matrixType } from "./mixes.mjs";
import { randomStream } from "./random.mjs";

/**
 * @typedef {import("../../src/backend/testing/quant/codecs.mjs").TensorType} TensorType
 * @typedef {import("./mixes.mjs").FileType} FileType
 * @typedef {import("./architectures.mjs").Architecture} Architecture
 * @typedef {import("./architectures.mjs").Shape} Shape
 * @typedef {import("./gguf-writer.mjs").MetadataValue} MetadataValue
 * @typedef {import("./gguf-writer.mjs").TensorToWrite} TensorToWrite
 *
 * @typedef {object} ModelOptions
 * @property {string} architectureName
 * @property {Architecture} architecture
 * @property {Shape} shape
 * @property {FileType} type of every matrix but the routers, which are F32 as norms and biases are
 * @property {boolean} ropeFactors whether the file has `rope_freqs.weight`
 * @property {number} seed
 * @property {boolean} [pooled] whether the layers' matrices are drawn from pools of blocks (`block-pool.mjs`)
 * @property {number} [contextLength] positions that the model says it is made for
 * @property {ReturnType<typeof import("./vocabulary.mjs").vocabularyOf>} vocabulary
 * @property {string} name
 */

export const VOCAB_SIZE = 2048;
const DEFAULT_CONTEXT_LENGTH = 512;

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
  ffn_gate: 1.2,
  ffn_up: 1.2,
  ffn_down: 1,
};
/** Standard deviation of the logits: wide enough that the likeliest token stands out. */
const LOGIT_DEVIATION = 3;
const EMBEDDING_DEVIATION = 0.5;
/** An output matrix that is the embedding too must be small, or each token predicts itself. */
const TIED_EMBEDDING_DEVIATION = 0.05;
const NORM_DEVIATION = 0.1;
const BIAS_DEVIATION = 0.05;

/**
 * @param {ModelOptions} options
 * @returns {{ metadata: Map<string, MetadataValue>, tensors: TensorToWrite[] }}
 */
export function randomModel(options) {
  const { architecture, shape, type, seed, pooled = false, vocabulary } = options;
  const { hiddenSize, headCount, kvHeadCount, headDim, layerCount } = shape;
  const { expertCount, expertHiddenSize, sharedHiddenSize, denseHiddenSize } = shape;
  const queryRows = headCount * headDim;
  const keyRows = kvHeadCount * headDim;
  const vocabSize = vocabulary.tokens.length;

  /** @type {(name: string, dimensions: number[], as: TensorType, make: () => Float32Array) => TensorToWrite} */
  const tensor = (name, dimensions, as, make) => ({
    name,
    shape: dimensions,
    ggmlType: CODECS[as].ggmlType,
    byteLength: encodedBytes(as, elementCount(dimensions)),
    data: () => encode(as, make()),
  });
  /** @type {(name: string, length: number, deviation: number, mean?: number) => Float32Array} */
  const normals = (name, length, deviation, mean = 0) => {
    const random = randomStream(seed, name);
    return Float32Array.from({ length }, () => mean + deviation * random.normal());
  };
  /** By type and deviation. @type {Map<string, import("./block-pool.mjs").Pool>} */
  const pools = new Map();
  /** @type {(name: string, as: TensorType, length: number, deviation: number) => Uint8Array<ArrayBuffer>} */
  const pooledBlocks = (name, as, length, deviation) => {
    const key = `${as} ${deviation}`;
    const pool = pools.get(key) ?? createPool(as, deviation, randomStream(seed, key));
    pools.set(key, pool);
    return drawBlocks(pool, length, randomStream(seed, name));
  };
  /** @param {string} name @param {number} cols @param {number} [layer] */
  const typeOfMatrix = (name, cols, layer = 0) =>
    matrixType(type, name, { layer, layerCount, cols, tiedOutput: shape.tiedOutput });
  /** @type {(name: string, length: number, mean?: number) => TensorToWrite} */
  const norm = (name, length, mean = 1) =>
    tensor(`${name}.weight`, [length], "f32", () => normals(name, length, NORM_DEVIATION * mean, mean));
  /** Zero rows give tokens a logit of 0, which is never the largest. @param {Float32Array} rows */
  const silence = (rows) => {
    for (const id of vocabulary.unspeakable) rows.fill(0, id * hiddenSize, (id + 1) * hiddenSize);
    return rows;
  };
  /** @type {(name: string, deviation: number, silent: boolean) => TensorToWrite} */
  const vocabularyMatrix = (name, deviation, silent) =>
    tensor(`${name}.weight`, [hiddenSize, vocabSize], typeOfMatrix(name, hiddenSize), () => {
      const rows = normals(name, hiddenSize * vocabSize, deviation);
      return silent ? silence(rows) : rows;
    });

  /** @param {number} layer @returns {TensorToWrite[]} */
  const layerTensors = (layer) => {
    /** @param {string} part */
    const at = (part) => `blk.${layer}.${part}`;
    /** @type {(part: string, dimensions: [number, number, number?], gain: number, as?: TensorType) => TensorToWrite} */
    const matrix = (part, [cols, rows, count], gain, as = typeOfMatrix(part, cols, layer)) => {
      const dimensions = count === undefined ? [cols, rows] : [cols, rows, count];
      const [name, length, deviation] = [at(part), elementCount(dimensions), gain / Math.sqrt(cols)];
      const made = tensor(`${name}.weight`, dimensions, as, () => normals(name, length, deviation));
      return pooled ? { ...made, data: () => pooledBlocks(name, as, length, deviation) } : made;
    };
    /** @type {(part: string, length: number) => TensorToWrite[]} */
    const bias = (part, length) =>
      architecture.qkvBiases
        ? [
            tensor(`${at(part)}.bias`, [length], "f32", () =>
              normals(`${at(part)}.bias`, length, BIAS_DEVIATION),
            ),
          ]
        : [];
    /** @type {(suffix: string, width: number, count?: number) => TensorToWrite[]} */
    const gatedFfn = (suffix, width, count) => [
      matrix(`ffn_gate${suffix}`, [hiddenSize, width, count], GAINS.ffn_gate),
      matrix(`ffn_down${suffix}`, [width, hiddenSize, count], GAINS.ffn_down * branchGain(architecture)),
      matrix(`ffn_up${suffix}`, [hiddenSize, width, count], GAINS.ffn_up),
    ];
    const qkNorms = {
      none: [],
      head: [norm(at("attn_q_norm"), headDim), norm(at("attn_k_norm"), headDim)],
      row: [norm(at("attn_q_norm"), queryRows), norm(at("attn_k_norm"), keyRows)],
    }[architecture.qkNorm];
    return [
      norm(at("attn_norm"), hiddenSize),
      matrix("attn_q", [hiddenSize, queryRows], GAINS.attn_q),
      ...bias("attn_q", queryRows),
      matrix("attn_k", [hiddenSize, keyRows], GAINS.attn_k),
      ...bias("attn_k", keyRows),
      matrix("attn_v", [hiddenSize, keyRows], GAINS.attn_v),
      ...bias("attn_v", keyRows),
      matrix("attn_output", [queryRows, hiddenSize], GAINS.attn_output * branchGain(architecture)),
      ...qkNorms,
      norm(at("ffn_norm"), hiddenSize),
      ...(expertCount > 0
        ? [
            matrix("ffn_gate_inp", [hiddenSize, expertCount], GAINS.ffn_gate_inp, "f32"),
            ...gatedFfn("_exps", expertHiddenSize, expertCount),
          ]
        : gatedFfn("", denseHiddenSize)),
      ...(sharedHiddenSize > 0 ? gatedFfn("_shexp", sharedHiddenSize) : []),
    ];
  };

  const { embedding: embeddingScale, logits: logitScale } = architecture.scales ?? {
    embedding: 1,
    logits: 1,
  };
  // The normed hidden state has length √hiddenSize: what the matrix lacks, the norm before it makes up.
  const outputDeviation = shape.tiedOutput
    ? TIED_EMBEDDING_DEVIATION / embeddingScale
    : LOGIT_DEVIATION / Math.sqrt(hiddenSize);
  const outputNormMean = (logitScale * LOGIT_DEVIATION) / (outputDeviation * Math.sqrt(hiddenSize));
  const embedding = shape.tiedOutput ? outputDeviation : EMBEDDING_DEVIATION / embeddingScale;
  return {
    metadata: metadataOf(options),
    tensors: [
      ...(options.ropeFactors
        ? [tensor("rope_freqs.weight", [headDim / 2], "f32", () => ropeFactors(headDim / 2))]
        : []),
      vocabularyMatrix("token_embd", embedding, shape.tiedOutput),
      ...Array.from({ length: layerCount }, (_, layer) => layerTensors(layer)).flat(),
      norm("output_norm", hiddenSize, outputNormMean),
      ...(shape.tiedOutput ? [] : [vocabularyMatrix("output", outputDeviation, true)]),
    ],
  };
}

/** @param {readonly number[]} dimensions */
const elementCount = (dimensions) => dimensions.reduce((a, b) => a * b, 1);

/** What a residual scale takes off a branch, its last matrix adds. @param {Architecture} architecture */
const branchGain = ({ scales }) => (scales ? 0.5 / scales.residual : 1);

/** As Llama 3.1's: 1 for the fastest pairs of a head, rising to 8 for the slowest. @param {number} count */
const ropeFactors = (count) => Float32Array.from({ length: count }, (_, i) => 1 + 7 * (i / (count - 1)) ** 2);

/** @param {ModelOptions} options @returns {Map<string, MetadataValue>} */
function metadataOf({ architectureName, architecture, shape, type, vocabulary, name, contextLength }) {
  const { scales } = architecture;
  const routed = shape.expertCount > 0;
  const ownExpertWidth = architecture.expertWidthKey === "expert_feed_forward_length";
  const routedWidth = ownExpertWidth
    ? shape.expertHiddenSize * shape.expertsPerToken
    : shape.expertHiddenSize;
  /** @type {(value: number) => MetadataValue} */
  const count = (value) => ({ kind: "uint32", value });
  /** @type {(value: number) => MetadataValue} */
  const real = (value) => ({ kind: "float32", value });
  /** @type {(value: string) => MetadataValue} */
  const text = (value) => ({ kind: "string", value });
  /** @type {[string, MetadataValue][]} */
  const own = [
    ["context_length", count(contextLength ?? DEFAULT_CONTEXT_LENGTH)],
    ["embedding_length", count(shape.hiddenSize)],
    ["block_count", count(shape.layerCount)],
    ["feed_forward_length", count(routed ? routedWidth : shape.denseHiddenSize)],
    ["attention.head_count", count(shape.headCount)],
    ["attention.head_count_kv", count(shape.kvHeadCount)],
  ];
  if (architecture.freeHeadDim) {
    own.push(
      ["attention.key_length", count(shape.headDim)],
      ["attention.value_length", count(shape.headDim)],
    );
  }
  own.push(
    ["attention.layer_norm_rms_epsilon", real(architecture.eps)],
    ["rope.dimension_count", count(shape.headDim)],
    ["rope.freq_base", real(shape.ropeBase)],
  );
  if (routed) {
    own.push(["expert_count", count(shape.expertCount)], ["expert_used_count", count(shape.expertsPerToken)]);
    if (ownExpertWidth) own.push(["expert_feed_forward_length", count(shape.expertHiddenSize)]);
  }
  if (shape.sharedHiddenSize > 0)
    own.push(["expert_shared_feed_forward_length", count(shape.sharedHiddenSize)]);
  if (scales) {
    own.push(
      ["embedding_scale", real(scales.embedding)],
      ["residual_scale", real(scales.residual)],
      ["attention.scale", real(scales.attention)],
      ["logit_scale", real(scales.logits)],
    );
  }
  own.push(["vocab_size", count(vocabulary.tokens.length)]);
  return new Map([
    ["general.architecture", text(architectureName)],
    ["general.type", text("model")],
    ["general.name", text(name)],
    ["general.description", text("Random weights, for tests; its text means nothing.")],
    ["general.file_type", count(fileTypeNumber(type))],
    ["general.quantization_version", count(2)],
    .../** @type {[string, MetadataValue][]} */ (
      own.map(([key, value]) => [`${architectureName}.${key}`, value])
    ),
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
