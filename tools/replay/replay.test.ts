import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import type { EvictionPolicy } from "../../src/api/options.ts";
import { loadModel } from "../../src/engine/engine.ts";
import { nodePlatform } from "../../src/engine/node-platform.ts";
import { readTrace, type TracePass } from "../../src/residency/trace-format.ts";
import { integers, loadCore } from "../../src/wasm/core.testing.ts";
import type { Core } from "../../src/wasm/core.ts";
import { EVICTION_POLICIES } from "../../src/wasm/core-slots.ts";
import { belady, beladyLayer } from "./belady.ts";
import type { Link } from "./link.ts";
import { chooseTexts } from "./main.ts";
import { replayOptions } from "./options.ts";
import { replay, tokenByToken } from "./simulate.ts";

const FILE = fileURLToPath(new URL("../../public/models/demo-moe-q4_k.gguf", import.meta.url));
const LINK: Link = { bandwidth: 1000, latency: 0.5 };

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

/** The most hits that any choice of victims can give, by trying all. */
function mostHits(demands: readonly number[][], slots: number): number {
  const seen = new Map<string, number>();
  const from = (at: number, held: readonly number[]): number => {
    if (at === demands.length) return 0;
    const key = `${at}:${held.join()}`;
    const known = seen.get(key);
    if (known !== undefined) return known;
    const experts = demands[at]!;
    const missing = experts.filter((expert) => !held.includes(expert));
    const surplus = Math.max(0, held.length + missing.length - slots);
    let best = 0;
    const choose = (left: number, kept: readonly number[], start: number): void => {
      if (left === 0) {
        best = Math.max(
          best,
          from(
            at + 1,
            [...kept, ...missing].sort((a, b) => a - b),
          ),
        );
        return;
      }
      for (let i = start; i < kept.length; i++)
        if (!experts.includes(kept[i]!))
          choose(
            left - 1,
            kept.filter((_, j) => j !== i),
            i,
          );
    };
    choose(surplus, held, 0);
    const total = experts.length - missing.length + best;
    seen.set(key, total);
    return total;
  };
  return from(0, []);
}

test("Belady's choice hits as often as the best of all choices", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = integers(seed);
    const k = 1 + next(2);
    const demands = Array.from({ length: 10 }, () => {
      const picks = new Set<number>();
      while (picks.size < k) picks.add(next(6));
      return [...picks];
    });
    const slots = k + next(3);
    expect(beladyLayer(demands, slots).hits).toBe(mostHits(demands, slots));
  }
});

/** Generated tokens of one layer. */
const passesOf = (picks: readonly (readonly number[])[]): TracePass[] =>
  picks.map((ids, position) => ({
    phase: "decode",
    position,
    tokens: Uint32Array.of(0),
    layers: [
      { ids: Uint32Array.from(ids), weights: Float32Array.from(ids, (_, i) => (i === 0 ? 0.75 : 0.25)) },
    ],
  }));

test("no policy hits more often than Belady's optimum", () => {
  const next = integers(5);
  const passes = passesOf(Array.from({ length: 400 }, () => [Math.min(next(12), next(12)), 12 + next(4)]));
  const header = { vocabSize: 1, expertCount: 16, expertsPerToken: 2, recordBytes: [100] };
  const counts = Uint32Array.of(5);
  const best = belady(passes, counts);
  for (const policy of EVICTION_POLICIES) {
    const { hits, misses } = replay({ header, passes, slots: core.slots, counts, policy, link: LINK });
    expect(hits + misses).toBe(best.demands);
    expect(hits).toBeLessThan(best.hits);
  }
});

test("a token waits for one request a layer and the bytes that missed, and mass counts by weight", () => {
  const header = { vocabSize: 1, expertCount: 4, expertsPerToken: 2, recordBytes: [100] };
  const passes = passesOf([
    [0, 1],
    [0, 2],
    [2, 0],
  ]);
  const result = replay({
    header,
    passes,
    slots: core.slots,
    counts: Uint32Array.of(2),
    policy: "lru",
    link: LINK,
  });
  expect(result).toMatchObject({ hits: 3, misses: 3, evictions: 1, fetchedBytes: 300, tokens: 3 });
  expect(result.stallSeconds).toBeCloseTo((0.5 + 0.2 + 0.5 + 0.1) / 3);
  expect(result.gateMassRecall).toBeCloseTo(1.75 / 3);
});

test.each<EvictionPolicy>(["lru", "adaptive"])(
  "a replay counts what the engine counted in the run, and shares its slots alike: %s",
  async (eviction) => {
    const model = await loadModel(FILE, { expertBudget: "45%", eviction }, nodePlatform());
    const trace = await model.trace();
    for (const prompt of ["Once upon a time", "def add(a, b):", "The river flows"])
      for await (const _ of model.generate(prompt, { seed: 3, maxTokens: 90, ignoreEos: true })) void _;
    const { expertHits, expertMisses, evictions, slotsPerLayer } = await model.stats();
    expect(slotsPerLayer).not.toEqual(model.info.slotsPerLayer);
    expect((await model.stats()).peakExpertBytes).toBeLessThanOrEqual(model.info.expertBudget);
    const header = readTrace(await trace.stop());
    const replayed = replay({
      ...{ header, passes: header.passes, slots: core.slots, policy: eviction, link: LINK },
      counts: Uint32Array.from(model.info.slotsPerLayer),
      sharedBudget: model.info.memory.expertBytes,
    });
    expect(replayed).toMatchObject({ hits: expertHits, misses: expertMisses, evictions });
    expect(Array.from(replayed.counts)).toEqual(slotsPerLayer);
    await model.dispose();
  },
);

test("the trace of held-out texts that is kept here is the shipped model's", async () => {
  const kept = readTrace(await readFile(new URL("held-out.wmrt", import.meta.url)));
  const first = kept.passes.slice(
    0,
    kept.passes.findIndex(({ position }, i) => i > 0 && position === 0),
  );
  const model = await loadModel(FILE, {}, nodePlatform());
  const { expertCount, expertsPerToken, vocabSize } = model.info;
  expect(kept).toMatchObject({ expertCount, expertsPerToken, vocabSize });
  const trace = await model.trace();
  await model.evaluate(first.flatMap(({ tokens }) => [...tokens]));
  const { passes, recordBytes } = readTrace(await trace.stop());
  await model.dispose();
  expect(recordBytes).toEqual(kept.recordBytes);
  expect(passes).toEqual(first);
});

test("texts are told apart by position 0, and prompts split into tokens", () => {
  const [a, b, c] = passesOf([
    [0, 1],
    [2, 3],
    [1, 0],
  ]) as [TracePass, TracePass, TracePass];
  const passes = [a, b, { ...c, position: 0 }];
  expect(chooseTexts(passes, "even")).toEqual([a, b]);
  expect(chooseTexts(passes, "odd")).toEqual([passes[2]]);
  const chunk: TracePass = {
    phase: "prefill",
    position: 4,
    tokens: Uint32Array.of(7, 8),
    layers: [{ ids: Uint32Array.of(0, 1, 2, 3), weights: Float32Array.of(1, 2, 3, 4) }, undefined],
  };
  expect(
    tokenByToken([chunk], 2).map(({ position, tokens, layers }) => [position, ...tokens, ...layers[0]!.ids]),
  ).toEqual([
    [4, 7, 0, 1],
    [5, 8, 2, 3],
  ]);
});

test("options name what they do not understand", () => {
  expect(replayOptions(["t", "--bandwidth", "20Mbit/s", "--latency", "50 ms"]).link).toEqual({
    bandwidth: 2.5e6,
    latency: 0.05,
  });
  expect(() => replayOptions([])).toThrow("npm run replay");
  expect(() => replayOptions(["t", "--policy", "fifo"])).toThrow("--policy fifo");
  expect(() => replayOptions(["t", "--budget", "half"])).toThrow("--budget half");
  expect(() => replayOptions(["t", "--bandwidth", "5"])).toThrow("--bandwidth 5");
});
