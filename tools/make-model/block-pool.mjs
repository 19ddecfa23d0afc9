// @ts-check
/**
 * Large matrices in seconds. Encoding each weight of a gigabyte in JavaScript takes many minutes, so that blocks are
 * drawn, with replacement, from a pool that was encoded once. Every block is one that the encoder made of normal
 * weights, and which blocks lie where is as random as before; only the number of different ones is finite. That
 * changes nothing that takes time.
 */
import { encode, encodedBytes } from "../../src/backend/testing/quant/codecs.mjs";

/** @typedef {import("../../src/backend/testing/quant/codecs.mjs").TensorType} TensorType */

const POOL_UNITS = 1024;
/** Elements drawn together: the largest block of any encoding. */
const UNIT_ELEMENTS = 256;

/**
 * @typedef {object} Stream of `randomStream`
 * @property {() => number} next
 * @property {() => number} normal
 *
 * @typedef {{ as: TensorType, units: Uint8Array<ArrayBuffer>[] }} Pool
 */

/**
 * A pool of normal weights of this standard deviation.
 * @param {TensorType} as @param {number} deviation @param {Stream} random @returns {Pool}
 */
export function createPool(as, deviation, random) {
  const values = Float32Array.from({ length: POOL_UNITS * UNIT_ELEMENTS }, () => deviation * random.normal());
  const bytes = encode(as, values);
  const size = encodedBytes(as, UNIT_ELEMENTS);
  return {
    as,
    units: Array.from({ length: POOL_UNITS }, (_, i) => bytes.subarray(i * size, (i + 1) * size)),
  };
}

/**
 * File blocks of `count` weights, a multiple of the type's block size.
 * @param {Pool} pool @param {number} count @param {Stream} random @returns {Uint8Array<ArrayBuffer>}
 */
export function drawBlocks({ as, units }, count, random) {
  const bytes = new Uint8Array(encodedBytes(as, count));
  const size = encodedBytes(as, UNIT_ELEMENTS);
  for (let at = 0; at < bytes.length; at += size) {
    const unit = /** @type {Uint8Array<ArrayBuffer>} */ (units[random.next() % POOL_UNITS]);
    const room = bytes.length - at;
    bytes.set(room < size ? unit.subarray(0, room) : unit, at);
  }
  return bytes;
}
