import { describe, expect, test } from "vitest";
import type { AttentionOp, RopeCacheOp } from "../../model/plan.ts";
import { COMPUTE_MEMORY, instantiateCompute } from "../../wasm/compute.ts";
import { opPlan, TINY_SHAPE } from "../testing/plans.ts";
import {
  attention,
  boundedByRow,
  gatedActivation,
  rmsNorm,
  rope,
  ropeCache,
  silu,
  worstError,
} from "../testing/references.ts";
import { runOps } from "../testing/run.ts";
import { allRows, createRandom, packTensor, randomFloats, randomTensor } from "../testing/tensors.ts";
import { computeModule, makeBackend } from "./make.testing.ts";

test("embed multiplies by its scale, once", async () => {
  const weight = randomTensor(createRandom(5), "q8_0", 7, 64);
  const spec = { name: "embedding", rows: 7, cols: 64, type: "q8_0" } as const;
  const plan = opPlan({
    trunk: [spec],
    values: [{ name: "out", width: 64, rows: "batch", kind: "scratch" }],
    shape: { vocabSize: 7 },
  });
  const backend = await makeBackend(plan);
  backend.writeTrunk(spec, allRows(weight));
  const op = { kind: "embed", weight: "embedding", scale: 12.3, out: 0 } as const;
  const tokens = Uint32Array.of(6, 3);
  const out = await runOps(backend, plan, { ops: [op], rows: 2, tokens, out: 0 });
  const expected = Array.from(tokens, (token) => weight.values.subarray(token * 64, (token + 1) * 64))
    .flatMap((row) => Array.from(row))
    .map((value) => Math.fround(value * Math.fround(12.3)) + 0);
  expect(Array.from(out, (v) => v + 0)).toEqual(expected);
});

describe("rms-norm", () => {
  const width = 160;
  const spec = { name: "norm", rows: 1, cols: width, type: "f32" } as const;
  const plan = opPlan({
    trunk: [spec],
    values: [
      { name: "x", width, rows: "batch", kind: "scratch" },
      { name: "out", width, rows: "batch", kind: "scratch" },
      { name: "last", width, rows: "one", kind: "scratch" },
    ],
  });
  const random = createRandom(2);
  const weight = packTensor("f32", 1, width, randomFloats(random, width, 2));
  const x = randomFloats(random, 5 * width);
  // Rows of very different size, one of them below what eps lets through.
  [1, 1e4, 1e-5, 30, 1e15].forEach((size, row) => {
    for (let i = 0; i < width; i++) x[row * width + i]! *= size;
  });
  const expected = rmsNorm(x, weight.values, 1e-6);

  test("normalises each row, whatever its size", async () => {
    const backend = await makeBackend(plan);
    backend.writeTrunk(spec, allRows(weight));
    const op = { kind: "rms-norm", x: 0, weight: "norm", eps: 1e-6, rows: "each", out: 1 } as const;
    const out = await runOps(backend, plan, { ops: [op], rows: 5, inputs: { x }, out: 1 });
    const magnitudes = expected.map(Math.abs);
    expect(worstError(out, { values: expected, magnitudes })).toBeLessThan(3e-7);
  });

  test("of the last row is that row of the whole, to the bit", async () => {
    const backend = await makeBackend(plan);
    backend.writeTrunk(spec, allRows(weight));
    const norm = { kind: "rms-norm", x: 0, weight: "norm", eps: 1e-6 } as const;
    const each = { ...norm, rows: "each", out: 1 } as const;
    const last = { ...norm, rows: "last", out: 2 } as const;
    const all = await runOps(backend, plan, { ops: [each], rows: 5, inputs: { x }, out: 1 });
    const one = await runOps(backend, plan, { ops: [last], rows: 5, inputs: { x }, out: 2 });
    expect(one).toEqual(all.subarray(4 * width));
  });
});

describe("rope-cache", () => {
  const position = 99_990;
  test.each([
    ["neox", 64, true],
    ["neox", 24, false],
    ["norm", 64, true],
  ] as const)(
    "turns %s pairs of %i elements as exactly at position 100,000 as in f64 (norms: %s)",
    async (pairing, dimension, normed) => {
      const shape = { ...TINY_SHAPE, headCount: 3, kvHeadCount: 1, headDim: 64, layerCount: 1 };
      const norms = normed ? (["qNorm", "kNorm"] as const) : [];
      const trunk = norms.map((name) => ({ name, rows: 1, cols: 64, type: "f32" }) as const);
      const plan = opPlan({
        trunk,
        values: [
          { name: "qkv", width: 5 * 64, rows: "batch", kind: "scratch" },
          { name: "q", width: 3 * 64, rows: "batch", kind: "scratch" },
        ],
        layers: [],
        shape,
      });
      const spec = { pairing, dimension, freqBase: 1e6 } as const;
      const op = {
        kind: "rope-cache",
        layer: 0,
        qkv: 0,
        eps: 1e-6,
        rope: spec,
        out: 1,
        ...(normed && { qNorm: "qNorm", kNorm: "kNorm" }),
      } as const;
      const backend = await makeBackend({ ...plan, prologue: [op] }, 100_000);
      const random = createRandom(3);
      const weight = packTensor("f32", 1, 64, randomFloats(random, 64, 2));
      for (const tensor of trunk) backend.writeTrunk(tensor, allRows(weight));
      const qkv = randomFloats(random, 10 * 5 * 64);
      const q = await runOps(backend, plan, { ops: [op], rows: 10, position, inputs: { qkv }, out: 1 });
      const expected = Float64Array.from({ length: q.length });
      for (let row = 0; row < 10; row++) {
        for (let head = 0; head < 3; head++) {
          const raw = qkv.subarray((row * 5 + head) * 64, (row * 5 + head + 1) * 64);
          const turned = rope(normed ? rmsNorm(raw, weight.values, 1e-6) : raw, position + row, spec);
          expected.set(turned, (row * 3 + head) * 64);
        }
      }
      expect(worstError(q, boundedByRow(expected, 64))).toBeLessThan(4e-7);
    },
  );
});

/** Two rows of q, k and v through rope-cache and, to see the keys, attention over the rows themselves. */
async function ropeAndAttend(
  input: Omit<Parameters<typeof ropeCache>[1], "headCount" | "kvHeadCount" | "headDim" | "eps">,
) {
  const shape = { ...TINY_SHAPE, headCount: 4, kvHeadCount: 2, headDim: 24, layerCount: 1 };
  const [qWidth, width] = [4 * 24, 8 * 24];
  const vectors = Object.entries({ qNorm: input.qNorm, kNorm: input.kNorm, factors: input.factors }).flatMap(
    ([name, values]) => (values ? [{ name, values: Float32Array.from(values) }] : []),
  );
  const trunk = vectors.map(
    ({ name, values }) => ({ name, rows: 1, cols: values.length, type: "f32" }) as const,
  );
  const named = (name: string) => (trunk.some((spec) => spec.name === name) ? { [name]: name } : {});
  const rope = { ...input.rope, ...named("factors") };
  const turn: RopeCacheOp = {
    kind: "rope-cache",
    layer: 0,
    qkv: 0,
    ...named("qNorm"),
    ...named("kNorm"),
    normSpan: input.qNorm?.length === 24 ? "head" : "row",
    eps: 1e-6,
    rope,
    out: 1,
  };
  const attend: AttentionOp = { kind: "attention", layer: 0, q: 1, scale: 0.2, out: 2 };
  const plan = opPlan({
    trunk,
    values: [
      { name: "qkv", width, rows: "batch", kind: "scratch" },
      { name: "q", width: qWidth, rows: "batch", kind: "scratch" },
      { name: "attended", width: qWidth, rows: "batch", kind: "scratch" },
    ],
    shape,
  });
  const backend = await makeBackend({ ...plan, prologue: [turn, attend] });
  trunk.forEach((spec, i) => {
    const { values } = vectors[i]!;
    backend.writeTrunk(spec, allRows(packTensor("f32", 1, values.length, values)));
  });
  const qkv = randomFloats(createRandom(6), 9 * width, 2);
  const options = { rows: 9, position: input.position, inputs: { qkv } };
  const turned = ropeCache(qkv, { headCount: 4, kvHeadCount: 2, headDim: 24, eps: 1e-6, ...input });
  const attended = attention(turned.q, turned.k, turned.v, {
    headCount: 4,
    kvHeadCount: 2,
    headDim: 24,
    position: 0,
    scale: 0.2,
  });
  return {
    q: await runOps(backend, plan, { ops: [turn], out: 1, ...options }),
    attended: await runOps(backend, plan, { ops: [turn, attend], out: 2, ...options }),
    expected: { q: boundedByRow(turned.q, 24), attended },
  };
}

test("rope-cache norms all heads of q, and of k, as one row each", async () => {
  const random = createRandom(7);
  const { q, attended, expected } = await ropeAndAttend({
    qNorm: randomFloats(random, 4 * 24, 2),
    kNorm: randomFloats(random, 2 * 24, 2),
    rope: { pairing: "neox", dimension: 24, freqBase: 10_000 },
    position: 0,
  });
  expect(worstError(q, expected.q)).toBeLessThan(4e-7);
  expect(worstError(attended, expected.attended)).toBeLessThan(4e-6);
});

test.each(["neox", "norm"] as const)(
  "%s rope turns by scaled frequencies, divided by factors",
  async (pairing) => {
    const { q, attended, expected } = await ropeAndAttend({
      rope: { pairing, dimension: 16, freqBase: 500_000, freqScale: 0.25 },
      factors: Float32Array.of(1, 1, 1.3, 2, 4.7, 8, 8, 8),
      position: 0,
    });
    expect(worstError(q, expected.q)).toBeLessThan(4e-7);
    expect(worstError(attended, expected.attended)).toBeLessThan(4e-6);
  },
);

test("a gated activation is silu of the first half of each row, times the second", async () => {
  const width = 36;
  const plan = opPlan({
    values: [
      { name: "x", width: 2 * width, rows: "batch", kind: "scratch" },
      { name: "out", width, rows: "batch", kind: "scratch" },
    ],
  });
  const op = { kind: "gated-activation", x: 0, activation: "silu", out: 1 } as const;
  const backend = await makeBackend({ ...plan, prologue: [op] });
  const x = randomFloats(createRandom(8), 5 * 2 * width, 10);
  const out = await runOps(backend, plan, { ops: [op], rows: 5, inputs: { x }, out: 1 });
  const values = gatedActivation(x, width);
  expect(worstError(out, { values, magnitudes: values.map(Math.abs) })).toBeLessThan(5e-7);
});

describe("silu", () => {
  /** silu through compute.wasm itself: the kernel has no op of its own. */
  const activate = async (x: Float32Array): Promise<Float32Array> => {
    const memory = new WebAssembly.Memory(COMPUTE_MEMORY);
    const compute = await instantiateCompute(await computeModule(), memory);
    const gate = Math.ceil(compute.heapBase() / 16) * 16;
    const up = gate + x.byteLength;
    new Float32Array(memory.buffer, gate, x.length).set(x);
    new Float32Array(memory.buffer, up, x.length).fill(1);
    compute.siluMul(gate, up, x.length, gate);
    return new Float32Array(memory.buffer, gate, x.length).slice();
  };

  test("has a relative error below 4e-7 wherever the result is a normal f32", async () => {
    const x = Float32Array.from({ length: 40_000 }, (_, i) => -83 + (i / 40_000) * 166);
    const values = Float64Array.from(x, silu);
    expect(worstError(await activate(x), { values, magnitudes: values.map(Math.abs) })).toBeLessThan(4e-7);
  });

  test("of ±10,000 is itself and nothing", async () => {
    const [high, low, zero] = await activate(Float32Array.of(1e4, -1e4, 0, 1));
    expect(high).toBe(1e4);
    expect(Math.abs(low!)).toBeLessThan(1e-30);
    expect(zero).toBe(0);
  });
});
