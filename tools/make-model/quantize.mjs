// @ts-check
/**
 * ggml's tensor encodings, both ways, rounding as ggml's reference quantisers do (`quantize_row_*_ref` in
 * `ggml-quants.c`): every step in f32.
 *
 * @typedef {"f32" | "f16" | "q8_0" | "q4_0"} TensorType
 */

const f32 = Math.fround;
const bits = new DataView(new ArrayBuffer(4));

/**
 * Nearest half-precision number, ties to even, by integer arithmetic.
 * @param {number} value @returns {number} its 16 bits
 */
export function toHalf(value) {
  bits.setFloat32(0, value);
  const single = bits.getUint32(0);
  const sign = (single >>> 16) & 0x8000;
  const magnitude = single & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    const rebased = magnitude - 0x38000000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  if (magnitude < 0x33000000) return sign;
  // Subnormal: the significand, with its hidden bit, shifted to units of 2⁻²⁴.
  const shift = 126 - (magnitude >>> 23);
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const half = significand >>> shift;
  const rest = significand & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return sign | (half + (rest > middle || (rest === middle && (half & 1) === 1) ? 1 : 0));
}

/** @param {number} half 16 bits @returns {number} */
export function fromHalf(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Half away from zero, as C's roundf. @param {number} value */
const roundHalfAway = (value) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);

/** @param {Float32Array} block 32 values @param {DataView} out @param {number} at */
function encodeQ8(block, out, at) {
  let largest = 0;
  for (const value of block) largest = Math.max(largest, Math.abs(value));
  const scale = f32(largest / 127);
  const inverse = scale === 0 ? 0 : f32(1 / scale);
  out.setUint16(at, toHalf(scale), true);
  for (let i = 0; i < 32; i++) out.setInt8(at + 2 + i, roundHalfAway(f32((block[i] ?? 0) * inverse)));
}

/** @param {DataView} data @param {number} at @param {Float32Array} block */
function decodeQ8(data, at, block) {
  const scale = fromHalf(data.getUint16(at, true));
  for (let i = 0; i < 32; i++) block[i] = scale * data.getInt8(at + 2 + i);
}

/** @param {Float32Array} block 32 values @param {DataView} out @param {number} at */
function encodeQ4(block, out, at) {
  let extreme = 0;
  for (const value of block) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  const scale = f32(extreme / -8);
  const inverse = scale === 0 ? 0 : f32(1 / scale);
  out.setUint16(at, toHalf(scale), true);
  /** @param {number} i */
  const level = (i) => Math.min(15, Math.trunc(f32(f32((block[i] ?? 0) * inverse) + 8.5)));
  for (let i = 0; i < 16; i++) out.setUint8(at + 2 + i, level(i) | (level(i + 16) << 4));
}

/** @param {DataView} data @param {number} at @param {Float32Array} block */
function decodeQ4(data, at, block) {
  const scale = fromHalf(data.getUint16(at, true));
  for (let i = 0; i < 16; i++) {
    const pair = data.getUint8(at + 2 + i);
    block[i] = scale * ((pair & 15) - 8);
    block[i + 16] = scale * ((pair >>> 4) - 8);
  }
}

/**
 * `ggmlType` and `fileType` are ggml's numbers for a tensor and for a file made mostly of it.
 * @typedef {object} Encoding
 * @property {number} ggmlType
 * @property {number} fileType
 * @property {number} blockSize elements
 * @property {number} blockBytes
 * @property {(block: Float32Array, out: DataView, at: number) => void} encode
 * @property {(data: DataView, at: number, block: Float32Array) => void} decode
 */

/** @type {Readonly<Record<TensorType, Encoding>>} */
export const ENCODINGS = {
  f32: {
    ggmlType: 0,
    fileType: 0,
    blockSize: 1,
    blockBytes: 4,
    encode: (block, out, at) => out.setFloat32(at, block[0] ?? 0, true),
    decode: (data, at, block) => {
      block[0] = data.getFloat32(at, true);
    },
  },
  f16: {
    ggmlType: 1,
    fileType: 1,
    blockSize: 1,
    blockBytes: 2,
    encode: (block, out, at) => out.setUint16(at, toHalf(block[0] ?? 0), true),
    decode: (data, at, block) => {
      block[0] = fromHalf(data.getUint16(at, true));
    },
  },
  q8_0: { ggmlType: 8, fileType: 7, blockSize: 32, blockBytes: 34, encode: encodeQ8, decode: decodeQ8 },
  q4_0: { ggmlType: 2, fileType: 2, blockSize: 32, blockBytes: 18, encode: encodeQ4, decode: decodeQ4 },
};

/** @param {number} ggmlType @returns {TensorType} */
export function typeOf(ggmlType) {
  for (const [name, encoding] of Object.entries(ENCODINGS)) {
    if (encoding.ggmlType === ggmlType) return /** @type {TensorType} */ (name);
  }
  throw new Error(`Tensor type ${ggmlType} is not one of ${Object.keys(ENCODINGS).join(", ")}.`);
}

/** Bytes that `count` elements take. @param {TensorType} type @param {number} count */
export function encodedBytes(type, count) {
  const { blockSize, blockBytes } = ENCODINGS[type];
  if (count % blockSize !== 0) throw new Error(`${count} elements are not whole blocks of ${type}.`);
  return (count / blockSize) * blockBytes;
}

/** @param {TensorType} type @param {Float32Array} values @returns {Uint8Array} */
export function encode(type, values) {
  const { blockSize, blockBytes, encode: encodeBlock } = ENCODINGS[type];
  const out = new DataView(new ArrayBuffer(encodedBytes(type, values.length)));
  for (let i = 0, at = 0; i < values.length; i += blockSize, at += blockBytes) {
    encodeBlock(values.subarray(i, i + blockSize), out, at);
  }
  return new Uint8Array(out.buffer);
}

/** @param {TensorType} type @param {Uint8Array} data @param {number} count elements @returns {Float32Array} */
export function decode(type, data, count) {
  const { blockSize, blockBytes, decode: decodeBlock } = ENCODINGS[type];
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
