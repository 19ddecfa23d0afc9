import { beforeAll, expect, test } from "vitest";
import { loadCore, uniform } from "./core.testing.ts";
import type { Core } from "./core.ts";
import type { SampleParams } from "./decisions.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

const off: SampleParams = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repeatPenalty: 1,
  penalized: new Uint32Array(0),
  random: 0,
};

/** The chain in float64: the candidates that stay, likeliest first, with cumulative probabilities. */
function reference(logits: Float32Array, params: SampleParams): { id: number; cumulative: number }[] {
  const penalized = new Set(params.penalized);
  let candidates = Array.from(logits, (logit, id) => ({
    id,
    logit: !penalized.has(id)
      ? logit
      : Math.fround(logit <= 0 ? logit * params.repeatPenalty : logit / params.repeatPenalty),
  })).sort((a, b) => b.logit - a.logit || a.id - b.id);
  if (params.topK > 0) candidates = candidates.slice(0, params.topK);
  const peak = candidates[0]!.logit;
  const cumulate = (temperature: number): { id: number; cumulative: number }[] => {
    const powers = candidates.map(({ logit }) => Math.exp((logit - peak) / temperature));
    const sum = powers.reduce((a, b) => a + b, 0);
    let running = 0;
    return candidates.map(({ id }, i) => {
      running += powers[i]! / sum;
      return { id, cumulative: running };
    });
  };
  if (params.topP < 1) {
    const last = cumulate(1).findIndex(({ cumulative }) => cumulative >= params.topP);
    if (last >= 0) candidates = candidates.slice(0, last + 1);
  }
  if (params.minP > 0) candidates = candidates.filter(({ logit }) => logit >= peak + Math.log(params.minP));
  return cumulate(params.temperature);
}

const chains: Record<string, Partial<SampleParams>> = {
  "the whole vocabulary": {},
  "top-k by heap": { topK: 40 },
  "top-k by sorting": { topK: 1500 },
  "top-p": { topP: 0.7 },
  "min-p": { minP: 0.1 },
  "the default chain under penalties": {
    topK: 40,
    topP: 0.95,
    minP: 0.05,
    temperature: 0.8,
    repeatPenalty: 1.3,
    penalized: Uint32Array.from([3, 700, 1999, 5000]),
  },
  "a hot chain over everything": { topP: 0.99, temperature: 3 },
};

test.each(Object.entries(chains))("%s draws what float64 draws", (name, options) => {
  const next = uniform(name.length);
  let compared = 0;
  for (let round = 0; round < 40; round++) {
    // Steps of 1/16 give many ties.
    const logits = new Float32Array(2000).map(() => Math.round((next() + next() + next()) * 96) / 16 - 9);
    const params = { ...off, ...options, random: Math.fround(next()) };
    const kept = reference(logits, params);
    const at = kept.findIndex(({ cumulative }) => cumulative > params.random);
    const margin = Math.min(
      Math.abs(kept[at]!.cumulative - params.random),
      Math.abs((kept[at - 1]?.cumulative ?? -1) - params.random),
    );
    const before = logits.slice();
    const token = core.sample(logits, params);
    expect(logits).toEqual(before);
    if (margin < 1e-5) continue;
    compared++;
    expect(token).toBe(kept[at]!.id);
  }
  expect(compared).toBeGreaterThan(30);
});

test("temperature 0 is the argmax of the penalised logits, lowest id on ties, never a NaN", () => {
  const logits = new Float32Array([Number.NaN, 1, 4, 4, -1]);
  const greedy = { ...off, temperature: 0, random: 0.9 };
  expect(core.sample(logits, greedy)).toBe(2);
  expect(core.sample(logits, { ...greedy, repeatPenalty: 1.1, penalized: Uint32Array.from([2]) })).toBe(3);
  const negative = new Float32Array([-2, -1, -1.5]);
  expect(core.sample(negative, { ...greedy, repeatPenalty: 2, penalized: Uint32Array.from([1]) })).toBe(2);
  expect(core.sample(new Float32Array(3).fill(Number.NaN), greedy)).toBe(0);
});

test("a NaN is never drawn, -0 ties with 0, and an infinite logit wins", () => {
  const holes = new Float32Array([Number.NaN, 0, Number.NaN, -0]);
  for (const topK of [0, 3]) {
    for (const random of [0, 0.49]) expect(core.sample(holes, { ...off, topK, random })).toBe(1);
    for (const random of [0.51, 1 - 2 ** -30]) expect(core.sample(holes, { ...off, topK, random })).toBe(3);
  }
  expect(core.sample(new Float32Array([1, Infinity, Infinity]), { ...off, random: 0.9 })).toBe(1);
  expect(core.sample(new Float32Array(4).fill(-Infinity), { ...off, random: 0.9 })).toBe(0);
});

test("a temperature near 0 draws the likeliest token", () => {
  const logits = new Float32Array(100).map((_, i) => (i === 60 ? 2 : 1));
  expect(core.sample(logits, { ...off, temperature: 1e-30, random: 0.999 })).toBe(60);
});

test("a flat vocabulary of 150,000 tokens is drawn evenly: sums keep their small terms", () => {
  const logits = new Float32Array(150_000);
  for (const random of [0.1, 0.5, 0.75, 0.99]) {
    const token = core.sample(logits, { ...off, random });
    expect(Math.abs(token - random * 150_000)).toBeLessThan(2);
  }
});
