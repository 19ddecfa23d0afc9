import { beforeAll, expect, test } from "vitest";
import { createRandom, packBlocks, randomBlocks } from "../backend/testing/tensors.ts";
import { FLOAT_FORMATS, QUANT_TYPES, type QuantName } from "../model/quantization.ts";
import { loadCore } from "./core.testing.ts";
import type { Core } from "./core.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

const TYPES = Object.keys(QUANT_TYPES) as QuantName[];
const f16 = (bits: number): number[] => [bits & 255, bits >> 8];

test.each(TYPES)("%s blocks come apart into the planes of the table, padded with zeros", (type) => {
  const cols = 3 * QUANT_TYPES[type].blockSize;
  // 29 · 3 blocks: an odd number of rows, and a whole chunk of blocks with a part of another.
  for (const rows of [1, 3, 29]) {
    core.checksum(new Uint8Array(64 * 1024).fill(255));
    const file = randomBlocks(createRandom(rows), type, rows * 3);
    expect(core.repack(type, file, rows, cols)).toEqual(packBlocks(type, file, rows, cols).bytes);
  }
});

test.each(TYPES)("unpacking packed %s blocks gives the file's bytes back", (type) => {
  const cols = 3 * QUANT_TYPES[type].blockSize;
  for (const rows of [1, 3, 29]) {
    const file = randomBlocks(createRandom(rows), type, rows * 3);
    const packed = core.repack(type, file, rows, cols);
    // What was staged before must not be what comes back.
    core.checksum(new Uint8Array(64 * 1024).fill(255));
    expect(core.unpack(type, packed, rows, cols)).toEqual(file);
    expect(() => core.unpack(type, packed.subarray(1), rows, cols)).toThrow("not a packed");
  }
});

test("a block's planes hold what kernels expect to find there", () => {
  const block = Uint8Array.from({ length: 144 }, (_, i) => i & 63);
  const packed = [...core.repack("q4_k", block, 1, 256)];
  expect(packed.slice(0, 128)).toEqual([...block.subarray(16)]);
  expect(packed.slice(128, 140)).toEqual([...block.subarray(4, 16)]);
  expect(packed.slice(144, 148)).toEqual([...block.subarray(0, 4)]);
  const q8 = core.repack(
    "q8_0",
    Uint8Array.from({ length: 34 }, (_, i) => i + 1),
    1,
    32,
  );
  expect([...q8.subarray(0, 32)]).toEqual(Array.from({ length: 32 }, (_, i) => i + 3));
  expect([...q8.subarray(32, 34)]).toEqual([1, 2]);
});

/** Every bit pattern class of numbers that are not finite: ±infinity and NaN, quiet and signalling. */
const NOT_FINITE: Readonly<Record<keyof typeof FLOAT_FORMATS, readonly number[]>> = {
  f32: [0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffffffff],
  f16: [0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xffff],
  bf16: [0x7f80, 0xff80, 0x7fc0, 0x7f81, 0xffff],
  e8m0: [0xff],
};

test.each(TYPES)("a number of %s that is not finite is bad-gguf and names where it stands", (type) => {
  const { blockSize, blockBytes, fields } = QUANT_TYPES[type];
  const [rows, perRow] = [10, 10];
  const plain = blockSize === 1;
  for (const { offset, bytes: length, floats } of fields) {
    if (!floats) continue;
    const { bytes: width } = FLOAT_FORMATS[floats];
    for (let at = 0; at < length; at += width) {
      NOT_FINITE[floats].forEach((bits, i) => {
        // Inside a chunk or vector, at its end and start, and last of all.
        const block = [3, 63, 64, 71, rows * perRow - 1][i]!;
        const file = randomBlocks(createRandom(i), type, rows * perRow);
        for (let byte = 0; byte < width; byte++) {
          file[block * blockBytes + offset + at + byte] = bits >>> (8 * byte);
        }
        const where = `The ${type} ${plain ? "element" : "scale of block"} ${block} (row ${Math.floor(block / perRow)}) `;
        expect(() => core.repack(type, file, rows, perRow * blockSize)).toThrow(
          expect.objectContaining({ code: "bad-gguf", message: expect.stringContaining(where) }),
        );
      });
    }
  }
});

test("the first of several bad blocks is named, whichever of its fields is bad", () => {
  const file = randomBlocks(createRandom(1), "q4_k", 8);
  file.set(f16(0x7c00), 144 * 6);
  file.set(f16(0x7c00), 144 * 4 + 2);
  expect(() => core.repack("q4_k", file, 4, 512)).toThrow(/block 4 \(row 2\)/);
});

test("extreme finite numbers pass", () => {
  const finite = [0x0000, 0x8000, 0x0001, 0x83ff, 0x7bff, 0xfbff].flatMap(f16);
  expect([...core.repack("f16", Uint8Array.from(finite), 1, 6)].slice(0, 12)).toEqual(finite);
  const floats = new Float32Array([3.4028234663852886e38, -3.4028234663852886e38, 1e-45, -0]);
  expect([...new Float32Array(core.repack("f32", new Uint8Array(floats.buffer), 1, 4).buffer)]).toEqual([
    ...floats,
  ]);
  const mxfp4 = new Uint8Array(17).fill(0xff);
  mxfp4[0] = 0xfe;
  expect(core.repack("mxfp4", mxfp4, 1, 32)[16]).toBe(0xfe);
});

test("bytes that are not a matrix of the given shape are refused", () => {
  const refused = expect.objectContaining({ code: "invalid-argument" });
  expect(() => core.repack("q8_0", new Uint8Array(34), 1, 33)).toThrow(refused);
  expect(() => core.repack("q8_0", new Uint8Array(67), 2, 32)).toThrow(refused);
  expect(() => core.repack("q4_k", new Uint8Array(18), 1, 32)).toThrow(refused);
});
