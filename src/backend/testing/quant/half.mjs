// @ts-check
/** IEEE 754 halves and bfloat16, both ways, by integer arithmetic: the same bits in every engine. */

const bits = new DataView(new ArrayBuffer(4));

/**
 * Nearest half-precision number, ties to even; from halfway above the largest on, infinity.
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

/** Nearest bfloat16, ties to even. @param {number} value @returns {number} its 16 bits */
export function toBrainFloat(value) {
  bits.setFloat32(0, value);
  const single = bits.getUint32(0);
  if ((single & 0x7fffffff) > 0x7f800000) return (single >>> 16) | 0x40;
  return (single + 0x7fff + ((single >>> 16) & 1)) >>> 16;
}

/** @param {number} brain 16 bits @returns {number} */
export function fromBrainFloat(brain) {
  bits.setUint32(0, brain << 16);
  return bits.getFloat32(0);
}

/** Half away from zero, as C's roundf. @param {number} value */
export const roundHalfAway = (value) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);

/** The whole number in [low, high] nearest to value; 0 for what is no number, as 0 / 0. @type {(value: number, low: number, high: number) => number} */
export const roundWithin = (value, low, high) =>
  Math.min(high, Math.max(low, Number.isNaN(value) ? 0 : roundHalfAway(value)));

/** The element farthest from zero, the first of equals. @param {Float32Array} block */
export function extremeOf(block) {
  let extreme = 0;
  for (const value of block) if (Math.abs(value) > Math.abs(extreme)) extreme = value;
  return extreme;
}
