import { describe, expect, test } from "vitest";
import type { AttentionOp, RopeCacheOp } from "../../model/plan.ts";
import { opPlan, TINY_SHAPE } from "../testing/plans.ts";
import { attention, ropeCache, worstError } from "../testing/references.ts";
import { runOps } from "../testing/run.ts";
import { createRandom, randomFloats } from "../testing/tensors.ts";
import { makeBackend } from "./make.testing.ts";

const rope = { pairing: "neox", dimension: 16, freqBase: 1e4 } as const;

/** A backend with one layer of attention, and its two ops as one call on rows of qkv. */
async function makeAttention(heads: { headCount: number; kvHeadCount: number; headDim: number }) {
  const { headCount, kvHeadCount, headDim } = heads;
  const plan = opPlan({
    values: [
      { name: "qkv", width: (headCount + 2 * kvHeadCount) * headDim, rows: "batch", kind: "scratch" },
      { name: "q", width: headCount * headDim, rows: "batch", kind: "scratch" },
      { name: "out", width: headCount * headDim, rows: "batch", kind: "scratch" },
    ],
    shape: { ...TINY_SHAPE, ...heads, layerCount: 1 },
  });
  const scale = 1 / Math.sqrt(headDim);
  const ops: readonly [RopeCacheOp, AttentionOp] = [
    { kind: "rope-cache", layer: 0, qkv: 0, eps: 1e-6, rope, out: 1 },
    { kind: "attention", layer: 0, q: 1, scale, out: 2 },
  ];
  const backend = await makeBackend({ ...plan, prologue: ops });
  const width = plan.values[0]!.width;
  return {
    backend,
    width,
    scale,
    attend: (qkv: Float32Array, position: number, rows = qkv.length / width) =>
      runOps(backend, plan, { ops, rows, position, inputs: { qkv }, out: 2 }),
  };
}

/** The passes in which 200 positions are computed: a chunk, one that ends inside a page, and single tokens. */
const PASSES = [128, 61, 1, 1, 1, 1, 1, 1, 1, 4];
const POSITIONS = PASSES.reduce((a, b) => a + b);

describe.each([
  [6, 2, 32],
  [6, 2, 64],
  [4, 4, 80],
  [8, 1, 128],
  [3, 1, 20],
])("attention of %i heads on %i kv heads of %i elements", (headCount, kvHeadCount, headDim) => {
  const heads = { headCount, kvHeadCount, headDim };

  test("is within 3e-6 of Σ weight·|v| at every position, across page borders", async () => {
    const { attend, width, scale } = await makeAttention(heads);
    const qkv = randomFloats(createRandom(headDim), POSITIONS * width, 2);
    const all = ropeCache(qkv, { ...heads, eps: 1e-6, rope, position: 0 });
    const expected = attention(all.q, all.k, all.v, { ...heads, position: 0, scale });
    const outWidth = headCount * headDim;
    let position = 0;
    for (const rows of PASSES) {
      const out = await attend(qkv.subarray(position * width, (position + rows) * width), position);
      const [from, to] = [position * outWidth, (position + rows) * outWidth];
      const part = {
        values: expected.values.slice(from, to),
        magnitudes: expected.magnitudes.slice(from, to),
      };
      expect(worstError(out, part)).toBeLessThan(3e-6);
      position += rows;
    }
  });

  test("gives a row the same bits alone and in chunks of 17 and 128", async () => {
    const qkvOf = async (step: number): Promise<Float32Array> => {
      const { attend, width } = await makeAttention(heads);
      const qkv = randomFloats(createRandom(headDim), POSITIONS * width, 2);
      const parts: Float32Array[] = [];
      for (let position = 0; position < POSITIONS; position += step) {
        parts.push(await attend(qkv.subarray(position * width, (position + step) * width), position));
      }
      return Float32Array.from(parts.flatMap((part) => Array.from(part)));
    };
    const alone = await qkvOf(1);
    expect(await qkvOf(17)).toEqual(alone);
    expect(await qkvOf(128)).toEqual(alone);
  });
});

test("scores of ±10,000 neither overflow nor blur the largest", async () => {
  const { attend, width } = await makeAttention({ headCount: 1, kvHeadCount: 1, headDim: 32 });
  const qkv = new Float32Array(3 * width);
  // Position 0 keeps its angle 0; with only elements 16..31 in use, rope (dimension 16) turns nothing.
  const set = (row: number, part: number, value: number) =>
    qkv.fill(value, row * width + part * 32 + 16, row * width + part * 32 + 32);
  [50, -50, 50].forEach((k, row) => {
    set(row, 0, 50);
    set(row, 1, k);
    set(row, 2, row + 1);
  });
  const out = await attend(qkv, 0);
  expect([out[16], out[32 + 16], out[64 + 16]]).toEqual([1, 1, 2]);
});

test("cache rows from a pass's position on are written anew, and nothing stale is seen", async () => {
  const heads = { headCount: 2, kvHeadCount: 1, headDim: 32 };
  const fresh = await makeAttention(heads);
  const reused = await makeAttention(heads);
  const random = createRandom(5);
  const qkv = randomFloats(random, 40 * fresh.width);
  await reused.attend(new Float32Array(100 * reused.width).fill(Number.NaN), 0);
  expect(await reused.attend(qkv, 0)).toEqual(await fresh.attend(qkv, 0));
});

test("the cache grows by pages of 64 positions as passes need them, and keeps what it holds", async () => {
  const { backend, attend, width } = await makeAttention({ headCount: 2, kvHeadCount: 2, headDim: 32 });
  const pageBytes = 64 * 2 * 32 * 2 * 4;
  const sizes: number[] = [];
  const qkv = randomFloats(createRandom(6), 64 * width);
  for (const [position, rows] of [
    [0, 64],
    [64, 1],
    [65, 63],
    [128, 2],
  ] as const) {
    await attend(qkv.subarray(0, rows * width), position);
    sizes.push(backend.memory().kvBytes / pageBytes);
  }
  expect(sizes).toEqual([1, 2, 2, 3]);
});

test("a pass beyond the context, without tokens, with an unknown token or with one that was sampled is refused", async () => {
  const { backend } = await makeAttention({ headCount: 2, kvHeadCount: 1, headDim: 32 });
  const refusal = { code: "invalid-argument" };
  const pass = (position: number, tokens: Uint32Array) =>
    backend.beginPass({ phase: "prefill", position, tokens });
  await expect(pass(511, new Uint32Array(2))).rejects.toMatchObject(refusal);
  await expect(pass(0, new Uint32Array(0))).rejects.toMatchObject(refusal);
  await expect(pass(0, Uint32Array.of(TINY_SHAPE.vocabSize))).rejects.toMatchObject(refusal);
  const sampled = backend.beginPass({ phase: "decode", position: 0, tokens: "sampled" });
  await expect(sampled).rejects.toMatchObject(refusal);
  await pass(510, new Uint32Array(2));
});
