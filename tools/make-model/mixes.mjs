// @ts-check
/**
 * What llama.cpp's quantiser stores each matrix as (`src/llama-quant.cpp`): file types that mix encodings, and what
 * it falls back to where rows are not whole blocks.
 */
import { CODECS } from "../../src/backend/testing/quant/codecs.mjs";

/**
 * @typedef {import("../../src/backend/testing/quant/codecs.mjs").TensorType} TensorType
 * @typedef {"q3_k_m" | "q4_k_m" | "q5_k_m"} MixName
 * @typedef {TensorType | MixName} FileType
 */

/**
 * The first and last eighth of the layers and every third between.
 * @param {number} layer @param {number} layerCount
 */
function getsMoreBits(layer, layerCount) {
  const eighth = Math.floor(layerCount / 8);
  return layer < eighth || layer >= Math.floor((7 * layerCount) / 8) || (layer - eighth) % 3 === 2;
}

/**
 * `values` and `down` are the matrices that lose most: attn_v and ffn_down. All output matrices are q6_k.
 * @type {Readonly<Record<MixName, { base: TensorType, fileType: number, output?: TensorType, values: (layer: number, layerCount: number) => TensorType, down: (layer: number, layerCount: number) => TensorType }>>}
 */
const MIXES = {
  q3_k_m: {
    base: "q3_k",
    fileType: 12,
    output: "q4_k",
    values: (layer) => (layer < 2 ? "q5_k" : "q4_k"),
    down: (layer, layerCount) => (layer < Math.floor(layerCount / 16) ? "q5_k" : "q4_k"),
  },
  q4_k_m: {
    base: "q4_k",
    fileType: 15,
    values: (layer, layerCount) => (getsMoreBits(layer, layerCount) ? "q6_k" : "q4_k"),
    down: (layer, layerCount) => (getsMoreBits(layer, layerCount) ? "q6_k" : "q4_k"),
  },
  q5_k_m: {
    base: "q5_k",
    fileType: 17,
    values: (layer, layerCount) => (getsMoreBits(layer, layerCount) ? "q6_k" : "q5_k"),
    down: (layer, layerCount) => (getsMoreBits(layer, layerCount) ? "q6_k" : "q5_k"),
  },
};

/** @param {FileType} type @returns {type is MixName} */
const isMix = (type) => Object.hasOwn(MIXES, type);

export const FILE_TYPES = /** @type {FileType[]} */ ([...Object.keys(CODECS), ...Object.keys(MIXES)]);

/** `general.file_type`. @param {FileType} type */
export const fileTypeNumber = (type) => (isMix(type) ? MIXES[type].fileType : CODECS[type].fileType);

/** @type {Readonly<Partial<Record<TensorType, TensorType>>>} */
const FALLBACKS = {
  q2_k: "q4_0",
  q3_k: "q4_0",
  q4_k: "q5_0",
  q5_k: "q5_1",
  q6_k: "q8_0",
  iq4_xs: "iq4_nl",
  tq1_0: "q4_0",
  tq2_0: "q4_0",
};

/** @param {TensorType} type @param {number} cols @returns {TensorType} */
function fitting(type, cols) {
  if (cols % CODECS[type].blockSize === 0) return type;
  const fallback = FALLBACKS[type];
  return fallback && cols % CODECS[fallback].blockSize === 0 ? fallback : "f16";
}

/**
 * @param {FileType} file @param {string} tensor its name
 * @param {{ layer: number, layerCount: number, cols: number, tiedOutput: boolean }} place
 * @returns {TensorType}
 */
export function matrixType(file, tensor, { layer, layerCount, cols, tiedOutput }) {
  if (!isMix(file)) return fitting(file, cols);
  const mix = MIXES[file];
  if (tensor === "output" || (tiedOutput && tensor === "token_embd")) return fitting("q6_k", cols);
  if (tensor.endsWith("attn_v")) return fitting(mix.values(layer, layerCount), cols);
  if (/ffn_down/.test(tensor)) return fitting(mix.down(layer, layerCount), cols);
  return fitting(tensor.endsWith("attn_output") ? (mix.output ?? mix.base) : mix.base, cols);
}
