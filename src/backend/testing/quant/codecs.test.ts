import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { QUANT_TYPES, type QuantName } from "../../../model/quantization.ts";
import { createRandom, randomBlocks, randomFloats } from "../tensors.ts";
import { CODECS, decode, encode } from "./codecs.mjs";
import { fromBrainFloat, fromHalf, toBrainFloat, toHalf } from "./half.mjs";

const TYPES = Object.keys(CODECS) as QuantName[];

describe("half precision", () => {
  it("gives back every finite half-precision number", () => {
    for (let half = 0; half < 0x10000; half++) {
      if ((half & 0x7c00) !== 0x7c00 && toHalf(fromHalf(half)) !== half) expect.fail(`bits ${half}`);
    }
  });

  it("rounds halfway cases to the even neighbour, in normal and subnormal range", () => {
    for (const half of [0x0000, 0x0001, 0x0002, 0x03ff, 0x0400, 0x3bff, 0x3c00, 0x3c01, 0x7bfe]) {
      const middle = (fromHalf(half) + fromHalf(half + 1)) / 2;
      expect(toHalf(middle)).toBe(half % 2 === 0 ? half : half + 1);
      expect(toHalf(-middle)).toBe(0x8000 | (half % 2 === 0 ? half : half + 1));
    }
  });

  it("overflows to infinity from halfway above the largest number, and keeps NaN", () => {
    expect([toHalf(65519), toHalf(65520), toHalf(-1e30)]).toEqual([0x7bff, 0x7c00, 0xfc00]);
    expect(fromHalf(toHalf(Number.NaN))).toBeNaN();
  });
});

it("bfloat16 is the upper half of f32, rounded to nearest even", () => {
  expect([0x3f80, 0xc049, 0x0001, 0x7f7f].map(fromBrainFloat).map(toBrainFloat)).toEqual([
    0x3f80, 0xc049, 0x0001, 0x7f7f,
  ]);
  expect([1 + 2 ** -8, 1 + 3 * 2 ** -8, -1 - 2 ** -8 - 2 ** -20].map(toBrainFloat)).toEqual([
    0x3f80, 0x3f82, 0xbf81,
  ]);
  expect([toBrainFloat(3.4e38), fromBrainFloat(toBrainFloat(Number.NaN))]).toEqual([0x7f80, Number.NaN]);
});

it("codecs and the table of encodings agree on numbers and block sizes", () => {
  for (const type of TYPES) expect(CODECS[type]).toMatchObject(sizes(QUANT_TYPES[type]));
  expect(TYPES.sort()).toEqual(Object.keys(QUANT_TYPES).sort());
});
const sizes = ({ ggmlType, blockSize, blockBytes }: (typeof QUANT_TYPES)["f32"]) => ({
  ggmlType,
  blockSize,
  blockBytes,
});

/** SHA-256, first 16 digits, of what ggml's `dequantize_row_*` (v0.5.0, no fused operations) makes of these blocks. */
const GGML_DIGESTS: Partial<Record<QuantName, string>> = {
  q4_0: "81f75250386603a0",
  q4_1: "cce3886b29bbb1a5",
  q5_0: "1c94fa89ba07853d",
  q5_1: "806a21a0cdec12fa",
  q8_0: "e2fdce8a0fab0a4e",
  q2_k: "6d7b362d7bfe2e24",
  q3_k: "c9e7422ce0cc25af",
  q4_k: "b698cbb5f45083fa",
  q5_k: "4d0e868e0e36f9c7",
  q6_k: "ee66dcc4a9b1f6bb",
  iq4_nl: "4f5912d7a584d6ee",
  iq4_xs: "49d0c8dae3ec6f4e",
  mxfp4: "eea1f8d79831d852",
  tq1_0: "c886439e8a7fb867",
  tq2_0: "227f87ecfebc6b19",
};

it.each(Object.entries(GGML_DIGESTS) as [QuantName, string][])(
  "%s blocks of every kind decode bit for bit as ggml decodes them",
  (type, digest) => {
    const values = decode(type, randomBlocks(createRandom(1), type, 1000), 1000 * CODECS[type].blockSize);
    const bytes = new Uint8Array(values.buffer);
    expect(createHash("sha256").update(bytes).digest("hex").slice(0, 16)).toBe(digest);
  },
);

/** Largest error over the largest magnitude among 32 or a block of uniform numbers: a step or two of the encoding. */
const WORST: Readonly<Record<QuantName, number>> = {
  f32: 0,
  f16: 2 ** -11,
  bf16: 2 ** -8,
  q8_0: 0.005,
  q4_0: 0.13,
  q4_1: 0.075,
  q5_0: 0.065,
  q5_1: 0.036,
  q2_k: 0.45,
  q3_k: 0.27,
  q4_k: 0.09,
  q5_k: 0.05,
  q6_k: 0.035,
  iq4_nl: 0.13,
  iq4_xs: 0.14,
  mxfp4: 0.35,
  tq1_0: 0.6,
  tq2_0: 0.6,
};

it.each(TYPES)("%s comes back within a step of what was encoded", (type) => {
  const values = randomFloats(createRandom(7), 256 * 16, 0.1);
  const blockSize = Math.max(32, CODECS[type].blockSize);
  const back = decode(type, encode(type, values), values.length);
  for (let start = 0; start < values.length; start += blockSize) {
    const block = values.subarray(start, start + blockSize);
    const largest = Math.max(...block.map(Math.abs));
    const error = Math.max(...block.map((value, i) => Math.abs(value - back[start + i]!)));
    expect(error).toBeLessThanOrEqual(WORST[type] * largest);
  }
});

it.each(TYPES)("a block of zeros is zeros in %s", (type) => {
  expect(decode(type, encode(type, new Float32Array(256)), 256).every((value) => value === 0)).toBe(true);
});

it("tq1_0 and tq2_0 give every ternary digit back in its place", () => {
  const random = createRandom(3);
  const values = Float32Array.from({ length: 512 }, () => [-0.5, 0, 0.5][Math.floor(random() * 3)]!);
  for (const type of ["tq1_0", "tq2_0"] as const) {
    const digits = decode(type, encode(type, values), 512).map(Math.sign);
    expect(digits).toEqual(values.map(Math.sign));
  }
});
