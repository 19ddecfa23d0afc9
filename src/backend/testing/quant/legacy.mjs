// @ts-check
/**
 * Blocks of 32 elements with one scale: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. Byte j of the quants holds the low four bits
 * of element j in its low and of element j + 16 in its high nibble; bit j of `qh` is the fifth bit of element j.
 */
import { extremeOf, fromHalf, roundHalfAway, toHalf } from "./half.mjs";

const f32 = Math.fround;

/** @typedef {import("./codecs.mjs").BlockCodec} BlockCodec */

/** @type {BlockCodec} */
export const q8_0 = {
  decode(data, at, block) {
    const d = fromHalf(data.getUint16(at, true));
    for (let i = 0; i < 32; i++) block[i] = data.getInt8(at + 2 + i) * d;
  },
  encode(block, out, at) {
    const d = f32(Math.abs(extremeOf(block)) / 127);
    const inverse = d === 0 ? 0 : f32(1 / d);
    out.setUint16(at, toHalf(d), true);
    block.forEach((x, i) => {
      out.setInt8(at + 2 + i, roundHalfAway(f32(x * inverse)));
    });
  },
};

/**
 * @param {DataView} data @param {number} at start of the block's nibbles @param {number} fifthBits
 * @param {(i: number, q: number) => void} visit
 */
function eachQuant(data, at, fifthBits, visit) {
  for (let j = 0; j < 16; j++) {
    const pair = data.getUint8(at + j);
    visit(j, (pair & 15) | (((fifthBits >>> j) & 1) << 4));
    visit(j + 16, (pair >>> 4) | (((fifthBits >>> (j + 16)) & 1) << 4));
  }
}

/**
 * Writes nibbles at `at` and returns the fifth bits.
 * @param {Float32Array} block @param {DataView} out @param {number} at @param {(x: number) => number} quantOf
 */
function putQuants(block, out, at, quantOf) {
  const q = Array.from(block, quantOf);
  for (let j = 0; j < 16; j++) out.setUint8(at + j, ((q[j] ?? 0) & 15) | (((q[j + 16] ?? 0) & 15) << 4));
  return q.reduce((bits, quant, i) => (bits | ((quant >>> 4) << i)) >>> 0, 0);
}

/**
 * Quants around zero: one step more below than above, so that the extreme is the lowest whatever its sign.
 * @param {4 | 5} width bits of a quant @returns {BlockCodec}
 */
function symmetric(width) {
  const middle = 1 << (width - 1);
  const nibbles = width === 5 ? 6 : 2;
  return {
    decode(data, at, block) {
      const d = fromHalf(data.getUint16(at, true));
      eachQuant(data, at + nibbles, width === 5 ? data.getUint32(at + 2, true) : 0, (i, q) => {
        block[i] = (q - middle) * d;
      });
    },
    encode(block, out, at) {
      const d = f32(extremeOf(block) / -middle);
      const inverse = d === 0 ? 0 : f32(1 / d);
      out.setUint16(at, toHalf(d), true);
      const fifthBits = putQuants(block, out, at + nibbles, (x) =>
        Math.min(2 * middle - 1, Math.trunc(f32(f32(x * inverse) + middle + 0.5))),
      );
      if (width === 5) out.setUint32(at + 2, fifthBits, true);
    },
  };
}

/** Quants from the smallest element, `m`, up. @param {4 | 5} width bits of a quant @returns {BlockCodec} */
function asymmetric(width) {
  const top = (1 << width) - 1;
  const nibbles = width === 5 ? 8 : 4;
  return {
    decode(data, at, block) {
      const d = fromHalf(data.getUint16(at, true));
      const m = fromHalf(data.getUint16(at + 2, true));
      eachQuant(data, at + nibbles, width === 5 ? data.getUint32(at + 4, true) : 0, (i, q) => {
        block[i] = f32(q * d) + m;
      });
    },
    encode(block, out, at) {
      const m = Math.min(...block);
      const d = f32((Math.max(...block) - m) / top);
      const inverse = d === 0 ? 0 : f32(1 / d);
      out.setUint16(at, toHalf(d), true);
      out.setUint16(at + 2, toHalf(m), true);
      const fifthBits = putQuants(block, out, at + nibbles, (x) =>
        Math.min(top, Math.trunc(f32(f32((x - m) * inverse) + 0.5))),
      );
      if (width === 5) out.setUint32(at + 4, fifthBits, true);
    },
  };
}

export const q4_0 = symmetric(4);
export const q5_0 = symmetric(5);
export const q4_1 = asymmetric(4);
export const q5_1 = asymmetric(5);
