// @ts-check
/**
 * Four-bit quants that name one of 16 uneven levels: IQ4_NL, IQ4_XS (256 elements, a scale for each 32) and MXFP4,
 * the microscaling format of the Open Compute Project. Byte j of 32 elements holds element j in its low and
 * element j + 16 in its high nibble.
 */
import { extremeOf, fromHalf, roundWithin, toHalf } from "./half.mjs";

const f32 = Math.fround;
const bits = new DataView(new ArrayBuffer(4));

/** @typedef {import("./codecs.mjs").BlockCodec} BlockCodec */

const IQ4_LEVELS = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/** The numbers of E2M1, doubled; the scale is halved in turn. They are integers to ggml, so that −0 is 0. */
const FP4_LEVELS = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** @type {(data: DataView, at: number, scale: number, levels: readonly number[], block: Float32Array) => void} */
function decode32(data, at, scale, levels, block) {
  for (let j = 0; j < 16; j++) {
    const pair = data.getUint8(at + j);
    block[j] = (levels[pair & 15] ?? 0) * scale;
    block[j + 16] = (levels[pair >>> 4] ?? 0) * scale;
  }
}

/** @type {(block: Float32Array, scale: number, levels: readonly number[], out: DataView, at: number) => void} */
function encode32(block, scale, levels, out, at) {
  /** @param {number} i */
  const nearest = (i) => {
    const target = scale === 0 ? 0 : (block[i] ?? 0) / scale;
    let best = 0;
    levels.forEach((level, q) => {
      if (Math.abs(level - target) < Math.abs((levels[best] ?? 0) - target)) best = q;
    });
    return best;
  };
  for (let j = 0; j < 16; j++) out.setUint8(at + j, nearest(j) | (nearest(j + 16) << 4));
}

/** @type {BlockCodec} */
export const iq4_nl = {
  decode: (data, at, block) => decode32(data, at + 2, fromHalf(data.getUint16(at, true)), IQ4_LEVELS, block),
  encode(block, out, at) {
    const d = toHalf(extremeOf(block) / -127);
    out.setUint16(at, d, true);
    encode32(block, fromHalf(d), IQ4_LEVELS, out, at + 2);
  },
};

/**
 * `[d f16] [scales_h u16] [scales_l 4] [qs 128]`: scale i has its low four bits in nibble i of scales_l and its high
 * two in bits 2i of scales_h, and means itself less 32.
 * @type {BlockCodec}
 */
export const iq4_xs = {
  decode(data, at, block) {
    const d = fromHalf(data.getUint16(at, true));
    const high = data.getUint16(at + 2, true);
    for (let i = 0; i < 8; i++) {
      const low = (data.getUint8(at + 4 + (i >> 1)) >>> (4 * (i & 1))) & 15;
      const scale = f32(d * ((low | (((high >>> (2 * i)) & 3) << 4)) - 32));
      decode32(data, at + 8 + 16 * i, scale, IQ4_LEVELS, block.subarray(32 * i, 32 * i + 32));
    }
  },
  encode(block, out, at) {
    const parts = Array.from({ length: 8 }, (_, i) => block.subarray(32 * i, 32 * i + 32));
    const scales = Float32Array.from(parts, (part) => extremeOf(part) / -127);
    const half = toHalf(extremeOf(scales) / -32);
    const d = fromHalf(half);
    out.setUint16(at, half, true);
    let high = 0;
    let low = 0;
    parts.forEach((part, i) => {
      const scale = roundWithin((scales[i] ?? 0) / d, -32, 31);
      high |= ((scale + 32) >>> 4) << (2 * i);
      low |= ((scale + 32) & 15) << (4 * i);
      encode32(part, d * scale, IQ4_LEVELS, out, at + 8 + 16 * i);
    });
    out.setUint16(at + 2, high, true);
    out.setInt32(at + 4, low, true);
  },
};

/** Half of 2^(e − 127), down to the subnormal 2⁻¹²⁸ of e = 0. @param {number} e */
function halfScale(e) {
  bits.setUint32(0, e < 2 ? 0x00200000 << e : (e - 1) << 23);
  return bits.getFloat32(0);
}

/** @type {BlockCodec} */
export const mxfp4 = {
  decode: (data, at, block) => decode32(data, at + 1, halfScale(data.getUint8(at)), FP4_LEVELS, block),
  encode(block, out, at) {
    // The largest level is 6 = 1.5 · 2²: the scale's exponent is that of the largest element less 2.
    bits.setFloat32(0, Math.abs(extremeOf(block)));
    const e = Math.max(0, (bits.getUint32(0) >>> 23) - 2);
    out.setUint8(at, e);
    encode32(block, halfScale(e), FP4_LEVELS, out, at + 1);
  },
};
