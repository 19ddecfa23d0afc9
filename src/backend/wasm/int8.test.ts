import { describe, expect, test } from "vitest";
import { QUANT_TYPES, type QuantName } from "../../model/quantization.ts";
import { COMPUTE_TYPES, instantiateCompute } from "../../wasm/compute.ts";
import type { Backend } from "../backend.ts";
import { randomWeights, tinyPlan, writeExpert, writeTrunk } from "../testing/plans.ts";
import { linear, worstError } from "../testing/references.ts";
import { runPlan } from "../testing/run.ts";
import { createRandom, randomFloats, randomTensor } from "../testing/tensors.ts";
import { createArena, createMemory } from "./arena.ts";
import { roundRows } from "./int8.testing.ts";
import { edgeShapes, makeLinear } from "./linear.testing.ts";
import { computeModule, makeBackend, makeInt8Backend, makeThreadedBackend } from "./make.testing.ts";
import { startNodeHelper } from "./threads/start-node.ts";

const TYPES = (Object.keys(QUANT_TYPES) as QuantName[]).filter((type) => QUANT_TYPES[type].blockSize > 1);

/** Of Σ|w·x|; scaled codes and minima are summed apart, and are larger than the weights they make. */
const TOLERANCE = 4e-6;

describe.each(TYPES)("a linear op on %s weights and int8 activations", (type) => {
  test.each(edgeShapes(type))(
    "of [%i, %i] is the product of the rounded rows, for any number of them",
    async (rows, cols) => {
      const random = createRandom(rows + cols);
      const weight = randomTensor(random, type, rows, cols, 2);
      const multiply = await makeLinear(makeInt8Backend, [weight]);
      for (const n of [1, 2, 3, 4, 17]) {
        const x = randomFloats(random, n * cols, 3);
        x[0] = 1e4;
        x.fill(0, cols - 32, cols);
        expect(worstError(await multiply(x), linear(roundRows(x), weight))).toBeLessThan(TOLERANCE);
      }
    },
  );

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

test("rows of K encodings are arranged in place, twice is not at all, and others are left alone", async () => {
  const memory = createMemory();
  const compute = await instantiateCompute(await computeModule(), memory);
  const arena = createArena(memory, compute.heapBase());
  const bytes = Uint8Array.from({ length: 2 * 2 * 192 }, (_, i) => (i * 37 + (i >> 4)) & 255);
  const address = arena.allocate(bytes.length, "two rows of two blocks");
  const arranged = (type: QuantName): Uint8Array => {
    compute.arrangeRows(COMPUTE_TYPES[type], address, address + 4 * 128, 512, 2);
    return arena.bytes(address, bytes.length).slice();
  };
  for (const type of TYPES) {
    arena.bytes(address, bytes.length).set(bytes);
    const once = arranged(type);
    if (!["q4_k", "q5_k", "q6_k"].includes(type)) {
      expect(once).toEqual(bytes);
      continue;
    }
    expect(once).not.toEqual(bytes);
    expect(arranged(type)).toEqual(bytes);
  }
});

test("biases, scales and residuals are added to rounded products as to exact ones", async () => {
  const random = createRandom(12);
  const weight = randomTensor(random, "q4_k", 12, 256);
  const bias = randomTensor(random, "f32", 1, 12);
  const extras = { biases: [bias], scale: -0.22, residual: true };
  const multiply = await makeLinear(makeInt8Backend, [weight], extras);
  const x = randomFloats(random, 5 * 256);
  const residual = randomFloats(random, 5 * 12, 10);
  const expected = linear(roundRows(x), weight, { bias: bias.values, scale: -0.22, residual });
  expect(worstError(await multiply(x, residual), expected)).toBeLessThan(TOLERANCE);
});

test("weights of floats take exact rows, beside quantised weights that take rounded ones", async () => {
  const random = createRandom(13);
  const weights = [randomTensor(random, "f16", 5, 256), randomTensor(random, "q6_k", 7, 256)];
  const x = randomFloats(random, 4 * 256);
  const out = await (await makeLinear(makeInt8Backend, weights))(x);
  const exact = await (await makeLinear(makeBackend, weights))(x);
  const part = (values: Float32Array, from: number, count: number) =>
    Float32Array.from({ length: 4 * count }, (_, i) => {
      return values[Math.floor(i / count) * 12 + from + (i % count)]!;
    });
  expect(part(out, 0, 5)).toEqual(part(exact, 0, 5));
  expect(worstError(part(out, 5, 7), linear(roundRows(x), weights[1]!))).toBeLessThan(TOLERANCE);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])(
  "what is no finite number, %d, shows in the product",
  async (bad) => {
    const random = createRandom(14);
    const multiply = await makeLinear(makeInt8Backend, [randomTensor(random, "q4_0", 4, 64)]);
    const x = randomFloats(random, 2 * 64);
    x[64 + 40] = bad;
    const out = await multiply(x);
    expect(out.subarray(0, 4).every(Number.isFinite)).toBe(true);
    expect(out.subarray(4).some(Number.isFinite)).toBe(false);
  },
);

describe("a model on int8 activations", () => {
  const plan = tinyPlan({
    hiddenSize: 512,
    headCount: 8,
    kvHeadCount: 2,
    headDim: 64,
    rope: { pairing: "neox", dimension: 64, freqBase: 10_000 },
    expertCount: 4,
    expertHiddenSize: 768,
    vocabSize: 523,
    trunkType: "q4_k",
    expertType: "q6_k",
  });
  const weights = randomWeights(plan, 11);

  /** Logits after prompts and single tokens, in one list. */
  async function logitsOf(backend: Backend): Promise<number[]> {
    writeTrunk(backend, plan, weights);
    const { layerCount, expertCount } = plan.hyperparameters;
    await backend.allocateSlots(new Uint32Array(layerCount).fill(expertCount));
    for (let layer = 0; layer < layerCount; layer++)
      for (let expert = 0; expert < expertCount; expert++)
        writeExpert(backend, weights, { layer, expert, slot: expert });
    const logits: number[] = [];
    let position = 0;
    for (const rows of [128, 61, 2, 1, 1]) {
      const tokens = Uint32Array.from({ length: rows }, (_, i) => ((position + i) * 37) % 523);
      logits.push(...(await runPlan(backend, plan, { tokens, position })));
      position += rows;
    }
    return logits;
  }

  test("has the same bits on one thread and on three, near those of the exact profile and not equal", async () => {
    const alone = await makeInt8Backend(plan);
    expect(alone.numerics.activations).toBe("int8");
    const expected = await logitsOf(alone);
    const threaded = await makeThreadedBackend(plan, 3, startNodeHelper, "int8");
    expect(threaded.threads).toBe(3);
    expect(await logitsOf(threaded)).toEqual(expected);
    threaded.dispose();
    const exact = await logitsOf(await makeBackend(plan));
    const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
    const difference = Math.sqrt(squares(expected.map((value, i) => value - exact[i]!)) / squares(exact));
    expect(difference).toBeGreaterThan(1e-4);
    expect(difference).toBeLessThan(5e-2);
  });

  test("of plain floats reports the exact profile, which is what it runs", async () => {
    const floats = tinyPlan({ trunkType: "f16", expertType: "f32" });
    expect((await makeInt8Backend(floats)).numerics.activations).toBe("f32");
  });
});
