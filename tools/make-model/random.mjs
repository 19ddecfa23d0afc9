// @ts-check
/**
 * Random numbers that are the same on every platform: integer arithmetic, and sums that doubles hold exactly. No
 * Math.log or Math.cos, whose last bits differ between engines.
 */

/** FNV-1a, 32 bits. @param {string} text */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

/**
 * One stream a (seed, name), so that tensors do not depend on the order they are made in.
 *
 * The generator is xoshiro128++ (Blackman, Vigna 2019), its state filled by the splitmix finaliser of MurmurHash3.
 * @param {number} seed @param {string} name
 */
export function randomStream(seed, name) {
  let counter = (hash(name) ^ Math.imul(seed | 0, 0x9e3779b9)) | 0;
  const fill = () => {
    counter = (counter + 0x9e3779b9) | 0;
    let value = counter;
    value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
    value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
    return value ^ (value >>> 16);
  };
  let a = fill();
  let b = fill();
  let c = fill();
  let d = fill();

  /** Uniform over 32-bit unsigned integers. */
  const next = () => {
    const sum = (a + d) | 0;
    const result = (((sum << 7) | (sum >>> 25)) + a) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };

  /**
   * Near-normal, mean 0, variance 1 − 2⁻³²: the sum of twelve uniforms less its mean (Irwin–Hall), within ±6.
   */
  const normal = () => {
    let sum = 0;
    for (let i = 0; i < 6; i++) {
      const bits = next();
      sum += (bits & 0xffff) + (bits >>> 16);
    }
    return (sum - 6 * 0xffff) / 0x10000;
  };

  return { next, normal };
}
