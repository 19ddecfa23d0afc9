/**
 * Random tensors in the planar layout of `src/model/quantization.ts`, together with the exact numbers that
 * their bits stand for: what tests of backends compute references from. Runs in Node and in a page.
 */
import { type PackedRows, packedLayout, QUANT_TYPES, type QuantName } from "../../model/quantization.ts";

/** A matrix as the kernels read it and as the numbers it decodes to. */
export interface PackedTensor {
  readonly type: QuantName;
  readonly rows: number;
  readonly cols: number;
  /** `packedLayout(type, rows, cols)`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `[rows, cols]`: the decoded elements; f32 holds every one of them exactly. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** Uniform in [0, 1); the same seed gives the same numbers everywhere (xorshift32). */
export function createRandom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** `length` numbers uniform in [−scale, scale). */
export function randomFloats(random: () => number, length: number, scale = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, () => (2 * random() - 1) * scale);
}

/** The IEEE 754 half nearest to `value` (ties to even), as bits; beyond the largest half it gives infinity. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (!(magnitude < 65520)) return sign | (Number.isNaN(magnitude) ? 0x7e00 : 0x7c00);
  // Below 2⁻¹⁴ halves are subnormal: all share one exponent, so the spacing stops shrinking there.
  const exponent = Math.max(Math.floor(Math.log2(magnitude || 2 ** -30)), -14);
  const steps = roundHalfToEven((magnitude / 2 ** exponent) * 1024);
  // A carry out of the mantissa (steps = 2048) lands in the exponent field, which is what rounding up means.
  return sign | (((exponent + 14) << 10) + steps);
}

/** The number that the bits of an IEEE 754 half stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** Quantises `floats` [rows, cols] into the planar layout; each block's largest element sets its scale. */
export function packTensor(type: QuantName, rows: number, cols: number, floats: Float32Array): PackedTensor {
  if (floats.length !== rows * cols) throw new Error(`${floats.length} floats for [${rows}, ${cols}]`);
  if (!["f32", "f16", "q4_0", "q8_0"].includes(type)) throw new Error(`there is no packing to ${type} here`);
  if (cols % QUANT_TYPES[type].blockSize !== 0)
    throw new Error(`${type} needs whole blocks, not ${cols} columns`);
  const { planes, byteLength } = packedLayout(type, rows, cols);
  const bytes = new Uint8Array(byteLength);
  const view = new DataView(bytes.buffer);
  const values = new Float32Array(rows * cols);
  const scalesAt = planes[1]?.offset ?? 0;
  const { blockSize } = QUANT_TYPES[type];
  for (let start = 0, block = 0; start < values.length; start += blockSize, block++) {
    const elements = floats.subarray(start, start + blockSize);
    if (type === "f32") {
      view.setFloat32(start * 4, elements[0]!, true);
      values[start] = elements[0]!;
    } else if (type === "f16") {
      const half = toHalf(elements[0]!);
      view.setUint16(start * 2, half, true);
      values[start] = fromHalf(half);
    } else {
      const largest = elements.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
      // Q4_0 has one more step below zero than above: the largest element becomes −8 whatever its sign.
      const half = toHalf(type === "q8_0" ? Math.abs(largest) / 127 : largest / -8);
      const scale = fromHalf(half);
      view.setUint16(scalesAt + block * 2, half, true);
      const limit = type === "q8_0" ? 127 : 7;
      const lowest = type === "q8_0" ? -128 : -8;
      elements.forEach((x, i) => {
        const quant = scale === 0 ? 0 : Math.min(limit, Math.max(lowest, Math.round(x / scale)));
        values[start + i] = quant * scale;
        if (type === "q8_0") view.setInt8(start + i, quant);
        else bytes[block * 16 + (i % 16)]! |= (quant + 8) << (i < 16 ? 0 : 4);
      });
    }
  }
  return { type, rows, cols, bytes, values };
}

/** A random matrix whose rows differ in magnitude, and whose blocks hold extremes (±largest quant, zeros). */
export function randomTensor(
  random: () => number,
  type: QuantName,
  rows: number,
  cols: number,
  scale = 1,
): PackedTensor {
  const floats = randomFloats(random, rows * cols, scale);
  for (let row = 0; row < rows; row++) {
    const magnitude = 2 ** -Math.floor(random() * 4);
    for (let col = 0; col < cols; col++) floats[row * cols + col]! *= magnitude;
  }
  // One block of zeros (scale 0) in every matrix of more than one block.
  if (rows * cols > 32) floats.fill(0, 0, 32);
  return packTensor(type, rows, cols, floats);
}

/** Rows [rowStart, rowStart + rowCount) as a packed matrix of their own: how a source delivers a segment. */
export function sliceRows(tensor: PackedTensor, rowStart: number, rowCount: number): PackedRows {
  const whole = packedLayout(tensor.type, tensor.rows, tensor.cols);
  const part = packedLayout(tensor.type, rowCount, tensor.cols);
  const bytes = new Uint8Array(part.byteLength);
  part.planes.forEach(({ offset, rowBytes }, plane) => {
    const from = whole.planes[plane]!.offset + rowStart * rowBytes;
    bytes.set(tensor.bytes.subarray(from, from + rowCount * rowBytes), offset);
  });
  return { rowStart, rowCount, bytes };
}

/** All rows of a tensor, as one delivery. */
export function allRows(tensor: PackedTensor): PackedRows {
  return { rowStart: 0, rowCount: tensor.rows, bytes: tensor.bytes };
}
