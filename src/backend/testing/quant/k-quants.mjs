// @ts-check
/**
 * K-quants: 256 elements a block, in groups of 16 (Q2_K, Q3_K, Q6_K) or 32 (Q4_K, Q5_K) that have quantised scales
 * of their own, and for Q2_K, Q4_K and Q5_K quantised minima, which are subtracted.
 */
import { extremeOf, fromHalf, roundWithin, toHalf } from "./half.mjs";

const f32 = Math.fround;

/** @typedef {import("./codecs.mjs").BlockCodec} BlockCodec */

/** @param {Float32Array} block @param {number} size */
const groupsOf = (block, size) =>
  Array.from({ length: block.length / size }, (_, i) => block.subarray(i * size, i * size + size));

/**
 * Scales and minima of groups whose quants go from 0 to `top`, quantised from 0 to `scaleTop`.
 * @param {Float32Array[]} groups @param {number} top @param {number} scaleTop
 */
function scaleWithMinima(groups, top, scaleTop) {
  const minima = groups.map((group) => -Math.min(0, ...group));
  const scales = groups.map((group, i) => (Math.max(0, ...group) + (minima[i] ?? 0)) / top);
  const halves = [scales, minima].map((values) => toHalf(Math.max(...values) / scaleTop));
  const [d, dmin] = /** @type {[number, number]} */ (halves.map(fromHalf));
  /** @param {number[]} values @param {number} unit */
  const quantised = (values, unit) => values.map((value) => roundWithin(value / unit, 0, scaleTop));
  const [s, m] = [quantised(scales, d), quantised(minima, dmin)];
  const quants = groups.flatMap((group, i) =>
    Array.from(group, (x) => roundWithin((x + dmin * (m[i] ?? 0)) / (d * (s[i] ?? 0)), 0, top)),
  );
  return { halves, scales: s, minima: m, quants };
}

/**
 * Scales of groups whose quants go from −`bottom` to `bottom` − 1, quantised from −`scaleBottom` to `scaleBottom` − 1.
 * @param {Float32Array[]} groups @param {number} bottom @param {number} scaleBottom
 */
function scaleAroundZero(groups, bottom, scaleBottom) {
  const exact = Float32Array.from(groups, (group) => extremeOf(group) / -bottom);
  const half = toHalf(extremeOf(exact) / -scaleBottom);
  const d = fromHalf(half);
  const scales = Array.from(exact, (scale) => roundWithin(scale / d, -scaleBottom, scaleBottom - 1));
  const quants = groups.flatMap((group, i) =>
    Array.from(group, (x) => roundWithin(x / (d * (scales[i] ?? 0)), -bottom, bottom - 1)),
  );
  return { half, scales, quants };
}

/**
 * Two bits of 256 elements in 64 bytes: element 128n + 32j + l is bits 2j of byte 32n + l.
 * @param {number[]} values @param {DataView} out @param {number} at
 */
function putPairsOfBits(values, out, at) {
  for (let byte = 0; byte < 64; byte++) {
    const first = (byte >> 5) * 128 + (byte & 31);
    const four = [0, 1, 2, 3].reduce((sum, j) => sum | (((values[first + 32 * j] ?? 0) & 3) << (2 * j)), 0);
    out.setUint8(at + byte, four);
  }
}

/** @param {DataView} data @param {number} at @param {number} i element */
const pairOfBits = (data, at, i) =>
  (data.getUint8(at + (i >> 7) * 32 + (i & 31)) >>> (2 * ((i >> 5) & 3))) & 3;

/** `[scales 16: scale low, minimum high nibble] [qs 64] [d dmin]` @type {BlockCodec} */
export const q2_k = {
  decode(data, at, block) {
    const d = fromHalf(data.getUint16(at + 80, true));
    const dmin = fromHalf(data.getUint16(at + 82, true));
    for (let i = 0; i < 256; i++) {
      const scale = data.getUint8(at + (i >> 4));
      const minimum = f32(dmin * (scale >>> 4));
      block[i] = f32(f32(d * (scale & 15)) * pairOfBits(data, at + 16, i)) - minimum;
    }
  },
  encode(block, out, at) {
    const { halves, scales, minima, quants } = scaleWithMinima(groupsOf(block, 16), 3, 15);
    scales.forEach((scale, i) => {
      out.setUint8(at + i, scale | ((minima[i] ?? 0) << 4));
    });
    putPairsOfBits(quants, out, at + 16);
    halves.forEach((half, i) => {
      out.setUint16(at + 80 + 2 * i, half, true);
    });
  },
};

/**
 * `[hmask 32] [qs 64] [scales 12] [d]`: bit 4n + j of hmask byte l belongs to element 128n + 32j + l and, where it is
 * not set, takes 4 off. Scale i of 16 has its low four bits in nibble i/8 of byte i % 8 and its high two in bits
 * 2(i/4) of byte 8 + i % 4, and means itself less 32.
 * @type {BlockCodec}
 */
export const q3_k = {
  decode(data, at, block) {
    const d = fromHalf(data.getUint16(at + 108, true));
    for (let i = 0; i < 256; i++) {
      const group = i >> 4;
      const low = (data.getUint8(at + 96 + (group & 7)) >>> (4 * (group >> 3))) & 15;
      const high = (data.getUint8(at + 104 + (group & 3)) >>> (2 * (group >> 2))) & 3;
      const upper = (data.getUint8(at + (i & 31)) >>> (i >> 5)) & 1;
      block[i] = f32(d * ((low | (high << 4)) - 32)) * (pairOfBits(data, at + 32, i) - (upper ? 0 : 4));
    }
  },
  encode(block, out, at) {
    const { half, scales, quants } = scaleAroundZero(groupsOf(block, 16), 4, 32);
    for (let l = 0; l < 32; l++) {
      const upper = [0, 1, 2, 3, 4, 5, 6, 7].map((j) => ((quants[32 * j + l] ?? 0) >= 0 ? 1 << j : 0));
      out.setUint8(
        at + l,
        upper.reduce((sum, bit) => sum | bit),
      );
    }
    putPairsOfBits(quants, out, at + 32);
    const bytes = new Uint8Array(12);
    scales.forEach((scale, i) => {
      const biased = scale + 32;
      bytes[i & 7] = (bytes[i & 7] ?? 0) | ((biased & 15) << (4 * (i >> 3)));
      bytes[8 + (i & 3)] = (bytes[8 + (i & 3)] ?? 0) | ((biased >>> 4) << (2 * (i >> 2)));
    });
    bytes.forEach((byte, i) => {
      out.setUint8(at + 96 + i, byte);
    });
    out.setUint16(at + 108, half, true);
  },
};

/**
 * Scale and minimum i of 8, six bits each in 12 bytes: the first four have bytes of their own, i and i + 4; the
 * others have their low nibbles in byte i + 4 and their high bits on top of bytes i − 4 and i.
 * @param {DataView} data @param {number} at @param {number} i @returns {[scale: number, minimum: number]}
 */
function scaleAndMinimum(data, at, i) {
  /** @param {number} j */
  const byte = (j) => data.getUint8(at + j);
  if (i < 4) return [byte(i) & 63, byte(i + 4) & 63];
  return [(byte(i + 4) & 15) | ((byte(i - 4) >>> 6) << 4), (byte(i + 4) >>> 4) | ((byte(i) >>> 6) << 4)];
}

/** @param {number[]} scales @param {number[]} minima @param {DataView} out @param {number} at */
function putScalesAndMinima(scales, minima, out, at) {
  for (let i = 0; i < 4; i++) {
    const [low, high] = [scales, minima]
      .map((values) => [values[i] ?? 0, values[i + 4] ?? 0])
      .map(([first = 0, second = 0]) => first | ((second >>> 4) << 6));
    out.setUint8(at + i, low ?? 0);
    out.setUint8(at + 4 + i, high ?? 0);
    out.setUint8(at + 8 + i, ((scales[i + 4] ?? 0) & 15) | (((minima[i + 4] ?? 0) & 15) << 4));
  }
}

/**
 * `[d dmin] [scales 12] [qh 32, Q5_K only] [qs 128]`: element 64p + l has the low and 64p + 32 + l the high nibble of
 * byte 32p + l; bit i of qh byte l is the fifth bit of element 32i + l.
 * @param {4 | 5} width bits of a quant @returns {BlockCodec}
 */
function withMinima(width) {
  const qs = width === 5 ? 48 : 16;
  return {
    decode(data, at, block) {
      const d = fromHalf(data.getUint16(at, true));
      const dmin = fromHalf(data.getUint16(at + 2, true));
      for (let group = 0; group < 8; group++) {
        const [s, m] = scaleAndMinimum(data, at + 4, group);
        const scale = f32(d * s);
        const minimum = f32(dmin * m);
        for (let l = 0; l < 32; l++) {
          const nibble = (data.getUint8(at + qs + (group >> 1) * 32 + l) >>> (4 * (group & 1))) & 15;
          const fifth = width === 5 ? ((data.getUint8(at + 16 + l) >>> group) & 1) << 4 : 0;
          block[32 * group + l] = f32(scale * (nibble | fifth)) - minimum;
        }
      }
    },
    encode(block, out, at) {
      const fitted = scaleWithMinima(groupsOf(block, 32), (1 << width) - 1, 63);
      const { halves, scales, minima, quants } = fitted;
      halves.forEach((half, i) => {
        out.setUint16(at + 2 * i, half, true);
      });
      putScalesAndMinima(scales, minima, out, at + 4);
      for (let i = 0; i < 128; i++) {
        const first = (i >> 5) * 64 + (i & 31);
        out.setUint8(at + qs + i, ((quants[first] ?? 0) & 15) | (((quants[first + 32] ?? 0) & 15) << 4));
      }
      for (let l = 0; width === 5 && l < 32; l++) {
        const fifths = [0, 1, 2, 3, 4, 5, 6, 7].map(
          (group) => ((quants[32 * group + l] ?? 0) >>> 4) << group,
        );
        out.setUint8(
          at + 16 + l,
          fifths.reduce((sum, bit) => sum | bit),
        );
      }
    },
  };
}

export const q4_k = withMinima(4);
export const q5_k = withMinima(5);

/**
 * `[ql 128] [qh 64] [scales 16 int8] [d]`: element 128n + 32k + l has its low four bits in nibble k/2 of ql byte
 * 64n + 32(k % 2) + l and its high two in bits 2k of qh byte 32n + l.
 * @type {BlockCodec}
 */
export const q6_k = {
  decode(data, at, block) {
    const d = fromHalf(data.getUint16(at + 208, true));
    for (let i = 0; i < 256; i++) {
      const [n, k, l] = [i >> 7, (i >> 5) & 3, i & 31];
      const low = (data.getUint8(at + 64 * n + 32 * (k & 1) + l) >>> (4 * (k >> 1))) & 15;
      const high = pairOfBits(data, at + 128, i);
      block[i] = f32(d * data.getInt8(at + 192 + (i >> 4))) * ((low | (high << 4)) - 32);
    }
  },
  encode(block, out, at) {
    const { half, scales, quants } = scaleAroundZero(groupsOf(block, 16), 32, 128);
    const biased = quants.map((quant) => quant + 32);
    for (let i = 0; i < 128; i++) {
      const first = (i >> 6) * 128 + (i & 63);
      out.setUint8(at + i, ((biased[first] ?? 0) & 15) | (((biased[first + 64] ?? 0) & 15) << 4));
    }
    putPairsOfBits(
      biased.map((quant) => quant >>> 4),
      out,
      at + 128,
    );
    scales.forEach((scale, i) => {
      out.setInt8(at + 192 + i, scale);
    });
    out.setUint16(at + 208, half, true);
  },
};
