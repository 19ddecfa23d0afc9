import { expect, test } from "vitest";
import { packedLayout } from "../../model/quantization.ts";
import { fromHalf } from "./quant/half.mjs";
import { createRandom, packTensor, randomFloats, sliceRows } from "./tensors.ts";

test.each([
  ["q8_0", 0.5 / 127 + 1e-3],
  ["q4_0", 1 / 8 + 1e-3],
  ["f16", 1e-3],
  ["f32", 0],
] as const)("%s decodes to within a step of what was packed", (type, step) => {
  const floats = randomFloats(createRandom(1), 3 * 96);
  const { values } = packTensor(type, 3, 96, floats);
  values.forEach((value, i) => {
    expect(Math.abs(value - floats[i]!)).toBeLessThanOrEqual(step);
  });
});

test("q4_0 keeps element j in the low and j + 16 in the high nibble of byte j", () => {
  const floats = new Float32Array(32).fill(0);
  floats[0] = -8;
  floats[3] = 5;
  floats[19] = -2;
  const { bytes } = packTensor("q4_0", 1, 32, floats);
  expect(bytes[3]).toBe(((-2 + 8) << 4) | (5 + 8));
  expect(fromHalf(bytes[16]! | (bytes[17]! << 8))).toBe(1);
});

test("a slice of rows is the packing of those rows alone", () => {
  const floats = randomFloats(createRandom(2), 12 * 64);
  const slice = sliceRows(packTensor("q8_0", 12, 64, floats), 8, 3);
  expect(slice.bytes).toEqual(packTensor("q8_0", 3, 64, floats.subarray(8 * 64, 11 * 64)).bytes);
  expect(slice.bytes.byteLength).toBe(packedLayout("q8_0", 3, 64).byteLength);
});
