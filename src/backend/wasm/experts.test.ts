import { describe, expect, test } from "vitest";
import type { CombineOp, ForwardPlan } from "../../model/plan.ts";
import { QUANT_TYPES, type QuantName } from "../../model/quantization.ts";
import type { Backend, Decisions, Wave } from "../backend.ts";
import { findOp, randomWeights, tinyPlan, valueId, writeExpert, writeTrunk } from "../testing/plans.ts";
import { combine, expert, worstError } from "../testing/references.ts";
import { makeWave, runPlan } from "../testing/run.ts";
import { createRandom, randomFloats } from "../testing/tensors.ts";
import { makeBackend } from "./make.testing.ts";

const EXPERTS = 8;
const PER_TOKEN = 3;
const everyExpert = Array.from({ length: EXPERTS }, (_, i) => i);

/** Decisions for `rows` rows that use every expert, each row three different ones. */
function someDecisions(rows: number): Decisions {
  const random = createRandom(rows);
  const ids = Uint32Array.from({ length: rows * PER_TOKEN }, (_, i) => {
    return (Math.floor(i / PER_TOKEN) * 5 + (i % PER_TOKEN) * 3) % EXPERTS;
  });
  return { ids, weights: Float32Array.from(ids, () => random()) };
}

describe.each(Object.keys(QUANT_TYPES) as QuantName[])("experts in %s", (expertType) => {
  const [width, expertHiddenSize] = QUANT_TYPES[expertType].blockSize === 256 ? [512, 256] : [160, 96];
  const plan = tinyPlan({ expertType, layerCount: 1, expertHiddenSize, hiddenSize: width });
  const weights = randomWeights(plan, 1);
  const [route, run, sum] = [findOp(plan, "route"), findOp(plan, "experts"), findOp(plan, "combine")];

  /** Output of experts and combine on 21 rows, the waves given by a function. */
  async function mix(
    x: Float32Array,
    residual: Float32Array,
    decisions: Decisions,
    runWaves: (
      backend: Backend,
      wave: (experts: readonly number[], slotOf: (e: number) => number) => Wave,
    ) => Promise<void>,
    op: CombineOp = sum,
  ): Promise<Float32Array> {
    const backend = await makeBackend(plan);
    await backend.allocateSlots(Uint32Array.of(EXPERTS));
    await backend.beginPass({ phase: "prefill", position: 0, tokens: new Uint32Array(x.length / width) });
    backend.writeValue(run.x, x);
    backend.writeValue(sum.residual, residual);
    backend.setDecisions(route, decisions);
    await runWaves(backend, (experts, slotOf) => makeWave(decisions.ids, experts, slotOf));
    backend.run(op);
    return (await backend.submit({ value: op.out })).value!;
  }

  const rows = 21;
  const random = createRandom(4);
  const x = randomFloats(random, rows * width, 2);
  const residual = randomFloats(random, rows * width);
  const decisions = someDecisions(rows);
  const inOneWave = async (
    backend: Backend,
    wave: (experts: readonly number[], slotOf: (e: number) => number) => Wave,
  ) => {
    for (const e of everyExpert) writeExpert(backend, weights, { layer: 0, expert: e, slot: e });
    await backend.runWave(
      run,
      wave(everyExpert, (e) => e),
    );
  };

  test("and their combination are within 4e-6 of the sum of magnitudes", async () => {
    const out = await mix(x, residual, decisions, inOneWave);
    const outputs = Array.from(decisions.ids, (id, entry) => {
      const row = Math.floor(entry / PER_TOKEN);
      return expert(x.subarray(row * width, (row + 1) * width), weights.experts[0]![id]!);
    });
    const flat = (key: "values" | "magnitudes") =>
      Float64Array.from(outputs.flatMap((output) => Array.from(output[key])));
    const { values } = combine(residual, decisions.weights, flat("values"), width);
    const { magnitudes } = combine(residual, decisions.weights, flat("magnitudes"), width);
    expect(worstError(out, { values, magnitudes })).toBeLessThan(4e-6);
  });

  test("are summed before what the shared experts made, and scaled with it", async () => {
    const plain = await mix(x, new Float32Array(x.length), decisions, inOneWave);
    // The experts' input stands for the shared experts' output.
    const op = { ...sum, shared: run.x, scale: 0.22 };
    const out = await mix(x, residual, decisions, inOneWave, op);
    const scale = Math.fround(0.22);
    const expected = plain.map((experts, i) => {
      return residual[i]! + Math.fround(scale * Math.fround(experts + x[i]!));
    });
    expect(out).toEqual(expected);
  });

  test("give the same bits in any waves, order and slots", async () => {
    const whole = await mix(x, residual, decisions, inOneWave);
    // One slot only, rewritten for each expert, experts from the last to the first.
    const oneByOne = await mix(x, residual, decisions, async (backend, wave) => {
      for (const e of everyExpert.toReversed()) {
        writeExpert(backend, weights, { layer: 0, expert: e, slot: 5 });
        await backend.runWave(
          run,
          wave([e], () => 5),
        );
      }
    });
    expect(oneByOne).toEqual(whole);
    // Odd experts first, in slots of the other order.
    const halves = await mix(x, residual, decisions, async (backend, wave) => {
      for (const e of everyExpert) writeExpert(backend, weights, { layer: 0, expert: e, slot: 7 - e });
      await backend.runWave(
        run,
        wave([1, 3, 5, 7], (e) => 7 - e),
      );
      await backend.runWave(
        run,
        wave([6, 0, 2, 4], (e) => 7 - e),
      );
    });
    expect(halves).toEqual(whole);
  });

  test("give a row the same bits alone as in a batch", async () => {
    const whole = await mix(x, residual, decisions, inOneWave);
    for (const row of [0, 20]) {
      const own = {
        ids: decisions.ids.slice(row * PER_TOKEN, (row + 1) * PER_TOKEN),
        weights: decisions.weights.slice(row * PER_TOKEN, (row + 1) * PER_TOKEN),
      };
      const [from, to] = [row * width, (row + 1) * width];
      const alone = await mix(x.subarray(from, to), residual.subarray(from, to), own, inOneWave);
      expect(alone).toEqual(whole.subarray(from, to));
    }
  });
});

describe("slots", () => {
  const plan = tinyPlan({ layerCount: 2 });

  test("take exactly the bytes that slotBytes says", async () => {
    const backend = await makeBackend(plan);
    await backend.allocateSlots(Uint32Array.of(3, 5));
    expect(backend.slotBytes(0)).toBe((160 * 96 * 3 * 34) / 32);
    expect(backend.memory().expertBytes).toBe(3 * backend.slotBytes(0) + 5 * backend.slotBytes(1));
  });

  test("that do not fit are refused as out-of-memory, and fewer may be asked for then", async () => {
    const backend = await makeBackend(plan);
    await expect(backend.allocateSlots(Uint32Array.of(1e5, 0))).rejects.toMatchObject({
      code: "out-of-memory",
    });
    await backend.allocateSlots(Uint32Array.of(2, 2));
    expect(backend.memory().expertBytes).toBe(4 * backend.slotBytes(0));
  });

  test("that were never allocated cannot be written, nor run", async () => {
    const backend = await makeBackend(plan);
    await backend.allocateSlots(Uint32Array.of(2, 2));
    const refusal = expect.objectContaining({ code: "invalid-argument" });
    const weights = randomWeights(plan, 2);
    expect(() => writeExpert(backend, weights, { layer: 0, expert: 0, slot: 2 })).toThrow(refusal);
    await backend.beginPass({ phase: "decode", position: 0, tokens: Uint32Array.of(0) });
    const op = findOp(plan, "experts");
    const wave = { slots: Uint32Array.of(2), offsets: Uint32Array.of(0, 1), entries: Uint32Array.of(0) };
    await expect(backend.runWave(op, wave)).rejects.toEqual(refusal);
    await expect(
      backend.runWave(op, { ...wave, slots: Uint32Array.of(0), entries: Uint32Array.of(3) }),
    ).rejects.toEqual(refusal);
  });
});

/** A plan as quantisers mix encodings: attn_v and down better than the rest, and not the same in every layer. */
function mixedPlan(): ForwardPlan {
  const plan = tinyPlan({
    trunkType: "q4_k",
    expertType: "q4_k",
    hiddenSize: 256,
    headDim: 64,
    headCount: 4,
    expertHiddenSize: 256,
    vocabSize: 96,
  });
  return {
    ...plan,
    trunk: plan.trunk.map((spec) => {
      if (/attn_k/.test(spec.name) && spec.type === "q4_k") return { ...spec, type: "iq4_xs" };
      return /attn_v|^output.weight/.test(spec.name) ? { ...spec, type: "q6_k" } : spec;
    }),
    layers: plan.layers.map((layer) => {
      const { gate, up, down } = layer.moe!.matrices;
      const matrices = { gate, up, down: { ...down, type: layer.index === 0 ? "q6_k" : "q5_k" } } as const;
      return { ...layer, moe: { ...layer.moe!, matrices } };
    }),
  };
}

test.each([
  ["q4_0 and q8_0", tinyPlan({ trunkType: "q4_0", kvHeadCount: 3 })],
  ["types that are mixed within layers", mixedPlan()],
])(
  "a whole model of %s gives the same logits in one pass, in chunks and token by token, in any waves",
  async (_, plan) => {
    const weights = randomWeights(plan, 3);
    const tokens = Uint32Array.from({ length: 70 }, (_, i) => (i * 37) % 96);
    const lastLogits = async (
      step: number,
      waves?: (experts: readonly number[]) => readonly (readonly number[])[],
    ) => {
      const backend = await makeBackend(plan);
      writeTrunk(backend, plan, weights);
      await backend.allocateSlots(Uint32Array.of(EXPERTS, EXPERTS));
      for (let layer = 0; layer < 2; layer++) {
        for (const e of everyExpert) writeExpert(backend, weights, { layer, expert: e, slot: e });
      }
      let logits = new Float32Array();
      for (let position = 0; position < tokens.length; position += step) {
        const options = {
          tokens: tokens.subarray(position, position + step),
          position,
          ...(waves && { waves }),
        };
        logits = Float32Array.from(await runPlan(backend, plan, options));
      }
      return logits;
    };
    const whole = await lastLogits(128);
    expect(whole).toHaveLength(plan.values[valueId(plan, "logits")]!.width);
    expect(new Set(whole).size).toBeGreaterThan(90);
    expect(await lastLogits(17)).toEqual(whole);
    expect(await lastLogits(1)).toEqual(whole);
    expect(await lastLogits(128, (experts) => experts.map((e) => [e]).reverse())).toEqual(whole);
  },
);
