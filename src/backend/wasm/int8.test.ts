import { describe, expect, test } from "vitest";
import { QUANT_TYPES, type QuantName } from "../../model/quantization.ts";
import { linear, worstError } from "../testing/references.ts";
import { createRandom, randomFloats, randomTensor } from "../testing/tensors.ts";
import { roundRows } from "./int8.testing.ts";
import { makeLinear } from "./linear.testing.ts";
import { makeInt8Backend } from "./make.testing.ts";

const TYPES = (Object.keys(QUANT_TYPES) as QuantName[]).filter((type) => QUANT_TYPES[type].blockSize > 1);

/** Of Σ|w·x|; scaled codes and minima are summed apart, and are larger than the weights they make. */
const TOLERANCE = 4e-6;

describe.each(TYPES)("a linear op on %s weights and int8 activations", (type) => {
  // Columns on both sides of every edge: a lone block, whole units of 64 and 128 columns and what is left of one,
  // beyond a panel of 512.
  test.each(
    QUANT_TYPES[type].blockSize === 256
      ? [
          [1, 256],
          [17, 512],
          [9, 1280],
        ]
      : [
          [1, 32],
          [5, 96],
          [16, 160],
          [33, 512],
          [9, 1120],
        ],
  )("of [%i, %i] is the product of the rounded rows, for any number of them", async (rows, cols) => {
    const random = createRandom(rows + cols);
    const weight = randomTensor(random, type, rows, cols, 2);
    const multiply = await makeLinear(makeInt8Backend, [weight]);
    for (const n of [1, 2, 3, 4, 17]) {
      const x = randomFloats(random, n * cols, 3);
      x[0] = 1e4;
      x.fill(0, cols - 32, cols);
      expect(worstError(await multiply(x), linear(roundRows(x), weight))).toBeLessThan(TOLERANCE);
    }
  });

  test("gives a row the same bits alone, among 17 and among 128", async () => {
    const random = createRandom(7);
    const cols = QUANT_TYPES[type].blockSize === 256 ? 768 : 1056;
    const weight = randomTensor(random, type, 21, cols);
    const multiply = await makeLinear(makeInt8Backend, [weight]);
    const x = randomFloats(random, 128 * cols, 2);
    const among128 = await multiply(x);
    expect(await multiply(x.subarray(0, 17 * cols))).toEqual(among128.subarray(0, 17 * 21));
    for (const row of [0, 5, 127]) {
      const alone = await multiply(x.subarray(row * cols, (row + 1) * cols));
      expect(alone).toEqual(among128.subarray(row * 21, (row + 1) * 21));
    }
  });
});
