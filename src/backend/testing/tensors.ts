/**
 * Random tensors in the planar layout of `src/model/quantization.ts`, together with the numbers that their bits
 * stand for: what tests of backends compute references from. Runs in Node and in a page.
 */
import {
  FLOAT_FORMATS,
  type FloatFormat,
  type PackedRows,
  packedLayout,
  QUANT_TYPES,
  type QuantName,
} from "../../model/quantization.ts";
import { decode, encode } from "./quant/codecs.mjs";

/** A matrix as the kernels read it and as the numbers it decodes to. */
export interface PackedTensor {
  readonly type: QuantName;
  readonly rows: number;
  readonly cols: number;
  /** `packedLayout(type, rows, cols)`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `[rows, cols]`: the decoded elements, bit for bit as ggml decodes them. */
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

/** A `[rows, cols]` matrix of file blocks in the planar layout, its values as the reference decodes them. */
export function packBlocks(type: QuantName, blocks: Uint8Array, rows: number, cols: number): PackedTensor {
  const { blockBytes, fields, planes } = QUANT_TYPES[type];
  const layout = packedLayout(type, rows, cols);
  const bytes = new Uint8Array(layout.byteLength);
  for (let block = 0; block * blockBytes < blocks.length; block++) {
    for (const field of fields) {
      const from = block * blockBytes + field.offset;
      const to = layout.planes[field.plane]!.offset + block * planes[field.plane]! + field.planeOffset;
      bytes.set(blocks.subarray(from, from + field.bytes), to);
    }
  }
  return { type, rows, cols, bytes, values: decode(type, blocks, rows * cols) };
}

/** Quantises `floats` [rows, cols] into the planar layout. */
export function packTensor(type: QuantName, rows: number, cols: number, floats: Float32Array): PackedTensor {
  if (floats.length !== rows * cols) throw new Error(`${floats.length} floats for [${rows}, ${cols}]`);
  if (cols % QUANT_TYPES[type].blockSize !== 0)
    throw new Error(`${type} needs whole blocks, not ${cols} columns`);
  return packBlocks(type, encode(type, floats), rows, cols);
}

/** Above this MXFP4's largest level, 6, is infinite in f32. */
const LARGEST_E8M0 = 252;

/** Signs, zeros, subnormals, the smallest normal and the largest number of each format, in its bits. */
const EXTREMES: Readonly<Record<FloatFormat, readonly number[]>> = {
  f32: [0, 0x80000000, 1, 0x807fffff, 0x00800000, 0x7f7fffff, 0xff7fffff],
  f16: [0, 0x8000, 1, 0x83ff, 0x0400, 0x7bff, 0xfbff],
  bf16: [0, 0x8000, 1, 0x807f, 0x0080, 0x7f7f, 0xff7f],
  e8m0: [0, 1, 2, LARGEST_E8M0],
};

/**
 * Random file blocks, as no quantiser makes them: every quant and every group's scale, while the numbers of the block
 * are finite, and a third of them are zero, subnormal or as large as can be, with either sign.
 */
export function randomBlocks(random: () => number, type: QuantName, count: number): Uint8Array<ArrayBuffer> {
  const { blockBytes, fields } = QUANT_TYPES[type];
  const bytes = Uint8Array.from({ length: count * blockBytes }, () => random() * 256);
  const finite = (floats: FloatFormat): number => {
    const { bytes: width, exponentMask } = FLOAT_FORMATS[floats];
    const extremes = EXTREMES[floats];
    if (random() < 1 / 3) return extremes[Math.floor(random() * extremes.length)]!;
    for (;;) {
      const bits = Math.floor(random() * 2 ** (8 * width));
      if ((bits & exponentMask) !== exponentMask && (floats !== "e8m0" || bits <= LARGEST_E8M0)) return bits;
    }
  };
  for (let block = 0; block < count; block++) {
    for (const { offset, bytes: length, floats } of fields) {
      if (!floats) continue;
      const { bytes: width } = FLOAT_FORMATS[floats];
      for (let at = 0; at < length; at += width) {
        const bits = finite(floats);
        for (let byte = 0; byte < width; byte++) {
          bytes[block * blockBytes + offset + at + byte] = bits >>> (8 * byte);
        }
      }
    }
  }
  return bytes;
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
  const block = Math.max(QUANT_TYPES[type].blockSize, 32);
  if (rows * cols > block) floats.fill(0, 0, block);
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
