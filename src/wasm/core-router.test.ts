import { beforeAll, expect, test } from "vitest";
import type { RouterSpec } from "../model/router-spec.ts";
import { loadCore, uniform } from "./core.testing.ts";
import type { Core } from "./core.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

const softmax = (values: readonly number[]): number[] => {
  const peak = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - peak));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};

/** Indices by falling value, lowest index first on ties. */
const ranking = (values: readonly number[]): number[] =>
  values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b);

/** The router of one row in float64. */
function reference(spec: RouterSpec, logits: readonly number[], bias?: Float32Array) {
  const scores =
    spec.score === "softmax"
      ? softmax(logits)
      : spec.score === "sigmoid"
        ? logits.map((value) => 1 / (1 + Math.exp(-value)))
        : [...logits];
  let selection = scores.map((score, e) => score + (bias?.[e] ?? 0));
  if (spec.groups) {
    const { count, kept, score } = spec.groups;
    const size = spec.expertCount / count;
    const groupScores = Array.from({ length: count }, (_, g) => {
      const sorted = selection.slice(g * size, (g + 1) * size).sort((a, b) => b - a);
      return score === "max" || size === 1 ? sorted[0]! : sorted[0]! + sorted[1]!;
    });
    const allowed = new Set(ranking(groupScores).slice(0, kept));
    selection = selection.map((value, e) => (allowed.has(Math.floor(e / size)) ? value : -Infinity));
  }
  const order = ranking(selection);
  const ids = order.slice(0, spec.expertsPerToken);
  const picked = ids.map((id) => scores[id]!);
  const sum = picked.reduce((a, b) => a + b, 0);
  const weights =
    spec.weights === "softmax"
      ? softmax(picked)
      : picked.map((value) =>
          spec.weights === "renormalized" ? value / Math.max(sum, 6.103515625e-5) : value,
        );
  /** How far the closest call among the picks was: below f32 precision float64 may decide otherwise. */
  const margin = Math.min(
    ...ids.map((id, rank) => {
      const next = order[rank + 1];
      return next === undefined ? Infinity : Math.abs(selection[id]! - selection[next]!);
    }),
  );
  return { ids, weights: weights.map((weight) => weight * spec.scale), margin };
}

const base: RouterSpec = { expertCount: 32, expertsPerToken: 4, score: "softmax", weights: "raw", scale: 1 };
const groups = { count: 8, kept: 3, score: "top2-sum" } as const;
const specs: Record<string, RouterSpec> = {
  "softmax, raw": base,
  "softmax, renormalized": { ...base, weights: "renormalized", expertsPerToken: 8 },
  "top-1 of sigmoid": { ...base, score: "sigmoid", expertsPerToken: 1 },
  "plain logits, softmax over the picked": { ...base, score: "none", weights: "softmax" },
  "all experts": { ...base, expertsPerToken: 32, weights: "renormalized" },
  "biased sigmoid in groups by the sum of two": {
    ...base,
    score: "sigmoid",
    selectionBias: "bias",
    groups,
    weights: "renormalized",
    scale: 2.5,
  },
  "groups by their best": { ...base, groups: { ...groups, score: "max" } },
  "groups of one": { ...base, groups: { count: 32, kept: 5, score: "top2-sum" } },
};

test.each(Object.entries(specs))("%s agrees with float64 on 300 rows", (_, spec) => {
  const next = uniform(spec.expertsPerToken + 7);
  const rows = 300;
  const logits = new Float32Array(rows * spec.expertCount).map(() => next() * 8 - 4);
  const bias = spec.selectionBias ? new Float32Array(spec.expertCount).map(() => next() - 0.5) : undefined;
  const { ids, weights } = core.route(spec, logits, rows, bias);
  const k = spec.expertsPerToken;
  let compared = 0;
  for (let row = 0; row < rows; row++) {
    const own = logits.subarray(row * spec.expertCount, (row + 1) * spec.expertCount);
    const expected = reference(spec, [...own], bias);
    if (expected.margin < 1e-6) continue;
    compared++;
    expect([...ids.subarray(row * k, row * k + k)]).toEqual(expected.ids);
    expected.weights.forEach((weight, rank) => {
      expect(Math.abs(weights[row * k + rank]! - weight)).toBeLessThan(2e-6 * spec.scale);
    });
    const alone = core.route(spec, own, 1, bias);
    expect([...alone.weights]).toEqual([...weights.subarray(row * k, row * k + k)]);
  }
  expect(compared).toBeGreaterThan(rows * 0.75);
});

test("ties go to the lowest id, among experts and among groups", () => {
  const flat = new Float32Array(32);
  expect([...core.route(base, flat, 1).ids]).toEqual([0, 1, 2, 3]);
  const grouped = core.route({ ...base, expertsPerToken: 12, groups }, flat, 1);
  expect([...grouped.ids]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  flat[9] = flat[17] = 1;
  expect([...core.route(base, flat, 1).ids]).toEqual([9, 17, 0, 1]);
});

test("a bias changes which experts are picked and not how they are weighed", () => {
  const spec: RouterSpec = {
    ...base,
    expertCount: 4,
    expertsPerToken: 2,
    score: "sigmoid",
    selectionBias: "b",
  };
  const logits = new Float32Array([2, 1, 0, -1]);
  const { ids, weights } = core.route(spec, logits, 1, new Float32Array([-1, 0, 0, 1]));
  expect([...ids]).toEqual([3, 1]);
  expect(weights[0]).toBeCloseTo(1 / (1 + Math.E), 6);
  expect(weights[1]).toBeCloseTo(1 / (1 + Math.exp(-1)), 6);
});

test("logits of ±80 give finite weights, and a vanishing sum is clamped as llama.cpp does", () => {
  const extreme = new Float32Array(32).map((_, i) => (i % 2 ? 80 : -80));
  for (const score of ["none", "softmax", "sigmoid"] as const) {
    for (const weights of ["raw", "renormalized", "softmax"] as const) {
      const decided = core.route({ ...base, score, weights }, extreme, 1);
      expect([...decided.ids]).toEqual([1, 3, 5, 7]);
      expect([...decided.weights].every(Number.isFinite)).toBe(true);
    }
  }
  const spec: RouterSpec = { ...base, score: "sigmoid", weights: "renormalized", expertsPerToken: 1 };
  const tiny = core.route(spec, new Float32Array(32).fill(-20), 1).weights[0]!;
  const expected = 1 / (1 + Math.exp(20)) / 6.103515625e-5;
  expect(Math.abs(tiny / expected - 1)).toBeLessThan(1e-5);
});

test("NaN logits never win and never repeat an expert", () => {
  const logits = new Float32Array(32).fill(Number.NaN);
  expect([...core.route({ ...base, score: "none" }, logits, 1).ids]).toEqual([0, 1, 2, 3]);
  logits[30] = -5;
  expect([...core.route({ ...base, score: "none" }, logits, 1).ids]).toEqual([30, 0, 1, 2]);
});

test("a spec that cannot be met is refused before it runs", () => {
  const refused = expect.objectContaining({ code: "invalid-argument" });
  const logits = new Float32Array(32);
  for (const wrong of [
    { expertsPerToken: 33 },
    { expertsPerToken: 0 },
    { groups: { count: 5, kept: 1, score: "max" } },
    { groups: { count: 8, kept: 9, score: "max" } },
    { groups: { count: 16, kept: 1, score: "max" } },
    { selectionBias: "absent" },
  ] satisfies Partial<RouterSpec>[]) {
    expect(() => core.route({ ...base, ...wrong }, logits, 1)).toThrow(refused);
  }
  expect(() => core.route(base, logits, 2)).toThrow(refused);
  expect(() => core.route(base, logits, 1, new Float32Array(31))).toThrow(refused);
});
