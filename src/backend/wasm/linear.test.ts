import { describe, expect, test } from "vitest";
import { QUANT_TYPES, type QuantName } from "../../model/quantization.ts";
import { linear, worstError } from "../testing/references.ts";
import { createRandom, packTensor, randomFloats, randomTensor } from "../testing/tensors.ts";
import { edgeShapes, makeLinear } from "./linear.testing.ts";
import { makeBackend } from "./make.testing.ts";

/**
 * Of Σ|w·x|. In two types scaled quants and minima are summed apart: each part is rounded by its own size, and where an
 * outlier of x meets a weight near 0, both are far larger than their sum.
 */
const tolerance = (type: QuantName): number => (type === "q4_k" || type === "q5_k" ? 1e-5 : 1e-6);

const TYPES = Object.keys(QUANT_TYPES) as QuantName[];

describe.each(TYPES)("a linear op on %s weights", (type) => {
  test.each(edgeShapes(type))(
    "of [%i, %i] is the product to f32's rounding, for any number of rows",
    async (rows, cols) => {
      const random = createRandom(rows + cols);
      const weight = randomTensor(random, type, rows, cols, 2);
      const multiply = await makeLinear(makeBackend, [weight]);
      for (const n of [1, 2, 3, 17]) {
        const x = randomFloats(random, n * cols, 3);
        x[0] = 1e4;
        expect(worstError(await multiply(x), linear(x, weight))).toBeLessThan(tolerance(type));
      }
    },
  );

  test("gives a row the same bits alone, among 17 and among 128", async () => {
    const random = createRandom(7);
    const cols = QUANT_TYPES[type].blockSize === 256 ? 768 : 1056;
    const weight = randomTensor(random, type, 21, cols);
    const multiply = await makeLinear(makeBackend, [weight]);
    const x = randomFloats(random, 128 * cols, 2);
    const among128 = await multiply(x);
    expect(await multiply(x.subarray(0, 17 * cols))).toEqual(among128.subarray(0, 17 * 21));
    for (const row of [0, 5, 127]) {
      const alone = await multiply(x.subarray(row * cols, (row + 1) * cols));
      expect(alone).toEqual(among128.subarray(row * 21, (row + 1) * 21));
    }
  });

  test("keeps tiny scales, subnormal halves among them", async () => {
    const random = createRandom(8);
    const cols = Math.max(64, QUANT_TYPES[type].blockSize);
    const weight = randomTensor(random, type, 4, cols, 2e-5);
    const multiply = await makeLinear(makeBackend, [weight]);
    const x = randomFloats(random, cols);
    expect(worstError(await multiply(x), linear(x, weight))).toBeLessThan(1e-6);
  });
});

test.each(["f32", "f16", "bf16"] as const)("%s weights need columns in fours only", async (type) => {
  const random = createRandom(9);
  const weight = randomTensor(random, type, 6, 100);
  const multiply = await makeLinear(makeBackend, [weight]);
  const x = randomFloats(random, 5 * 100);
  expect(worstError(await multiply(x), linear(x, weight))).toBeLessThan(1e-6);
});

test("weights of different types and heights are concatenated in order", async () => {
  const random = createRandom(10);
  const tensors = [
    randomTensor(random, "q4_k", 7, 256),
    randomTensor(random, "q8_0", 3, 256),
    randomTensor(random, "q6_k", 10, 256),
  ];
  const multiply = await makeLinear(makeBackend, tensors);
  const x = randomFloats(random, 5 * 256);
  const out = await multiply(x);
  let column = 0;
  for (const tensor of tensors) {
    const part = Float32Array.from({ length: 5 * tensor.rows }, (_, i) => {
      return out[Math.floor(i / tensor.rows) * 20 + column + (i % tensor.rows)]!;
    });
    expect(worstError(part, linear(x, tensor))).toBeLessThan(1e-6);
    column += tensor.rows;
  }
});

test("a residual is added to every output", async () => {
  const random = createRandom(11);
  const weight = randomTensor(random, "q8_0", 12, 64);
  const multiply = await makeLinear(makeBackend, [weight], { residual: true });
  const x = randomFloats(random, 3 * 64);
  const residual = randomFloats(random, 3 * 12, 10);
  expect(worstError(await multiply(x, residual), linear(x, weight, { residual }))).toBeLessThan(1e-6);
});

test.each([1, 3, 17])(
  "%i rows: biases are added per weight, and a scale multiplies sum and bias",
  async (n) => {
    const random = createRandom(12);
    const weights = [randomTensor(random, "q8_0", 12, 64), randomTensor(random, "f16", 5, 64)];
    const biases = weights.map(({ rows }) => packTensor("f32", 1, rows, randomFloats(random, rows, 20)));
    const multiply = await makeLinear(makeBackend, weights, { biases, scale: -0.22 });
    const x = randomFloats(random, n * 64);
    const out = await multiply(x);
    let column = 0;
    weights.forEach((weight, w) => {
      const part = Float32Array.from({ length: n * weight.rows }, (_, i) => {
        return out[Math.floor(i / weight.rows) * 17 + column + (i % weight.rows)]!;
      });
      const bias = biases[w]!.values;
      expect(worstError(part, linear(x, weight, { bias, scale: -0.22 }))).toBeLessThan(1e-6);
      column += weight.rows;
    });
  },
);

test("bias, scale and residual together are residual + scale · (W · x + bias)", async () => {
  const random = createRandom(13);
  const weight = randomTensor(random, "q4_0", 8, 96);
  const bias = packTensor("f32", 1, 8, randomFloats(random, 8, 5));
  const multiply = await makeLinear(makeBackend, [weight], { biases: [bias], scale: 3.5, residual: true });
  const x = randomFloats(random, 2 * 96);
  const residual = randomFloats(random, 2 * 8, 10);
  const expected = linear(x, weight, { bias: bias.values, scale: 3.5, residual });
  expect(worstError(await multiply(x, residual), expected)).toBeLessThan(1e-6);
});
