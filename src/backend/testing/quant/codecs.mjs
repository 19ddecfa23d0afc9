// @ts-check
/**
 * Every tensor encoding both ways, block by block as the file holds them: the reference that kernels are held
 * against, and what makes models for tests. Plain JavaScript, because the tools run it as it is, and without
 * anything of Node, because pages run it too.
 *
 * Decoders follow the operation order of ggml's `dequantize_row_*` in unfused f32, so that they agree with it bit for
 * bit: each intermediate result is rounded by `Math.fround`, the last by being stored. Encoders give any good encoding
 * of the right format; they use no function whose last bit differs between engines.
 */
import { fromBrainFloat, fromHalf, toBrainFloat, toHalf } from "./half.mjs";
import { q2_k, q3_k, q4_k, q5_k, q6_k } from "./k-quants.mjs";
import { q4_0, q4_1, q5_0, q5_1, q8_0 } from "./legacy.mjs";
import { iq4_nl, iq4_xs, mxfp4 } from "./levels.mjs";
import { tq1_0, tq2_0 } from "./ternary.mjs";

/**
 * @typedef {import("../../../model/quantization.ts").QuantName} TensorType
 *
 * @typedef {object} BlockCodec
 * @property {(data: DataView, at: number, block: Float32Array) => void} decode
 * @property {(block: Float32Array, out: DataView, at: number) => void} encode
 *
 * `ggmlType` and `fileType` are ggml's numbers for a tensor and for a file made mostly of it.
 * @typedef {BlockCodec & { ggmlType: number, fileType: number, blockSize: number, blockBytes: number }} Codec
 */

/** @type {BlockCodec} */
const f32 = {
  decode: (data, at, block) => {
    block[0] = data.getFloat32(at, true);
  },
  encode: (block, out, at) => out.setFloat32(at, block[0] ?? 0, true),
};

/** @type {BlockCodec} */
const f16 = {
  decode: (data, at, block) => {
    block[0] = fromHalf(data.getUint16(at, true));
  },
  encode: (block, out, at) => out.setUint16(at, toHalf(block[0] ?? 0), true),
};

/** @type {BlockCodec} */
const bf16 = {
  decode: (data, at, block) => {
    block[0] = fromBrainFloat(data.getUint16(at, true));
  },
  encode: (block, out, at) => out.setUint16(at, toBrainFloat(block[0] ?? 0), true),
};

/** @type {Readonly<Record<TensorType, Codec>>} */
export const CODECS = {
  f32: { ...f32, ggmlType: 0, fileType: 0, blockSize: 1, blockBytes: 4 },
  f16: { ...f16, ggmlType: 1, fileType: 1, blockSize: 1, blockBytes: 2 },
  bf16: { ...bf16, ggmlType: 30, fileType: 32, blockSize: 1, blockBytes: 2 },
  q4_0: { ...q4_0, ggmlType: 2, fileType: 2, blockSize: 32, blockBytes: 18 },
  q4_1: { ...q4_1, ggmlType: 3, fileType: 3, blockSize: 32, blockBytes: 20 },
  q5_0: { ...q5_0, ggmlType: 6, fileType: 8, blockSize: 32, blockBytes: 22 },
  q5_1: { ...q5_1, ggmlType: 7, fileType: 9, blockSize: 32, blockBytes: 24 },
  q8_0: { ...q8_0, ggmlType: 8, fileType: 7, blockSize: 32, blockBytes: 34 },
  q2_k: { ...q2_k, ggmlType: 10, fileType: 10, blockSize: 256, blockBytes: 84 },
  q3_k: { ...q3_k, ggmlType: 11, fileType: 11, blockSize: 256, blockBytes: 110 },
  q4_k: { ...q4_k, ggmlType: 12, fileType: 14, blockSize: 256, blockBytes: 144 },
  q5_k: { ...q5_k, ggmlType: 13, fileType: 16, blockSize: 256, blockBytes: 176 },
  q6_k: { ...q6_k, ggmlType: 14, fileType: 18, blockSize: 256, blockBytes: 210 },
  iq4_nl: { ...iq4_nl, ggmlType: 20, fileType: 25, blockSize: 32, blockBytes: 18 },
  iq4_xs: { ...iq4_xs, ggmlType: 23, fileType: 30, blockSize: 256, blockBytes: 136 },
  mxfp4: { ...mxfp4, ggmlType: 39, fileType: 38, blockSize: 32, blockBytes: 17 },
  tq1_0: { ...tq1_0, ggmlType: 34, fileType: 36, blockSize: 256, blockBytes: 54 },
  tq2_0: { ...tq2_0, ggmlType: 35, fileType: 37, blockSize: 256, blockBytes: 66 },
};

/** @param {number} ggmlType @returns {TensorType} */
export function typeOf(ggmlType) {
  for (const [name, codec] of Object.entries(CODECS)) {
    if (codec.ggmlType === ggmlType) return /** @type {TensorType} */ (name);
  }
  throw new Error(`Tensor type ${ggmlType} is not one of ${Object.keys(CODECS).join(", ")}.`);
}

/** Bytes that `count` elements take. @param {TensorType} type @param {number} count */
export function encodedBytes(type, count) {
  const { blockSize, blockBytes } = CODECS[type];
  if (count % blockSize !== 0) throw new Error(`${count} elements are not whole blocks of ${type}.`);
  return (count / blockSize) * blockBytes;
}

/** File blocks of `values`. @param {TensorType} type @param {Float32Array} values @returns {Uint8Array<ArrayBuffer>} */
export function encode(type, values) {
  const { blockSize, blockBytes, encode: encodeBlock } = CODECS[type];
  const out = new DataView(new ArrayBuffer(encodedBytes(type, values.length)));
  for (let i = 0, at = 0; i < values.length; i += blockSize, at += blockBytes) {
    encodeBlock(values.subarray(i, i + blockSize), out, at);
  }
  return new Uint8Array(out.buffer);
}

/**
 * The `count` elements of file blocks.
 * @param {TensorType} type @param {Uint8Array} data @param {number} count @returns {Float32Array<ArrayBuffer>}
 */
export function decode(type, data, count) {
  const { blockSize, blockBytes, decode: decodeBlock } = CODECS[type];
  if (data.length !== encodedBytes(type, count)) {
    throw new Error(`${count} elements of ${type} are not ${data.length} bytes.`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const values = new Float32Array(count);
  for (let i = 0, at = 0; i < count; i += blockSize, at += blockBytes) {
    decodeBlock(view, at, values.subarray(i, i + blockSize));
  }
  return values;
}
