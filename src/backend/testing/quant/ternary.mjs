// @ts-check
/** Ternary digits, 256 elements a block: TQ1_0 (five digits of base 3 a byte) and TQ2_0 (four 2-bit digits a byte). */
import { fromHalf, toHalf } from "./half.mjs";

/** @typedef {import("./codecs.mjs").BlockCodec} BlockCodec */

/**
 * Runs of bytes in a TQ1_0 block: byte m of a run holds elements start + m, start + length + m, … , the first in
 * the highest digit.
 */
const TQ1_RUNS = [
  { at: 0, length: 32, digits: 5, start: 0 },
  { at: 32, length: 16, digits: 5, start: 160 },
  { at: 48, length: 4, digits: 4, start: 240 },
];
const POWERS_OF_3 = [1, 3, 9, 27, 81];

/**
 * Digits 0, 1, 2 for −d, 0, d, and d. For normal weights the least square error is near d = 1.22 σ, and σ is 1.25
 * times the mean magnitude.
 * @param {Float32Array} block @returns {{ half: number, digits: number[] }}
 */
function ternarize(block) {
  const half = toHalf((1.5 * block.reduce((sum, x) => sum + Math.abs(x), 0)) / block.length);
  const d = fromHalf(half);
  return { half, digits: Array.from(block, (x) => (2 * x >= d ? 1 : 0) - (2 * x <= -d ? 1 : 0) + 1) };
}

/** @type {BlockCodec} */
export const tq1_0 = {
  decode(data, at, block) {
    const d = fromHalf(data.getUint16(at + 52, true));
    for (const run of TQ1_RUNS) {
      for (let m = 0; m < run.length; m++) {
        const byte = data.getUint8(at + run.at + m);
        for (let n = 0; n < run.digits; n++) {
          // The byte is the digits as a fraction of 256: shifted left by n digits, its whole part times 3 is the next.
          const digit = (((byte * (POWERS_OF_3[n] ?? 0)) & 255) * 3) >>> 8;
          block[run.start + n * run.length + m] = (digit - 1) * d;
        }
      }
    }
  },
  encode(block, out, at) {
    const { half, digits } = ternarize(block);
    out.setUint16(at + 52, half, true);
    for (const run of TQ1_RUNS) {
      for (let m = 0; m < run.length; m++) {
        let number = 0;
        for (let n = 0; n < 5; n++) {
          number = 3 * number + (n < run.digits ? (digits[run.start + n * run.length + m] ?? 0) : 0);
        }
        // Rounded up, so that cutting off the fraction gives every digit back.
        out.setUint8(at + run.at + m, Math.ceil((number * 256) / 243));
      }
    }
  },
};

/** @type {BlockCodec} */
export const tq2_0 = {
  decode(data, at, block) {
    const d = fromHalf(data.getUint16(at + 64, true));
    for (let i = 0; i < 256; i++) {
      const byte = data.getUint8(at + (i >> 7) * 32 + (i & 31));
      block[i] = (((byte >>> (2 * ((i >> 5) & 3))) & 3) - 1) * d;
    }
  },
  encode(block, out, at) {
    const { half, digits } = ternarize(block);
    out.setUint16(at + 64, half, true);
    for (let i = 0; i < 64; i++) {
      const first = (i >> 5) * 128 + (i & 31);
      const byte = [0, 1, 2, 3].reduce((sum, n) => sum | ((digits[first + 32 * n] ?? 0) << (2 * n)), 0);
      out.setUint8(at + i, byte);
    }
  },
};
