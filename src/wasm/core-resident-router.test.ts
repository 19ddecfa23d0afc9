import { beforeAll, expect, test } from "vitest";
import type { OnMiss } from "../api/options.ts";
import type { RouterSpec } from "../model/router-spec.ts";
import { integers, loadCore } from "./core.testing.ts";
import type { Core } from "./core.ts";
import { ABSENT } from "./decisions.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

const SPEC: RouterSpec = {
  expertCount: 8,
  expertsPerToken: 3,
  score: "softmax",
  weights: "renormalized",
  scale: 2,
};
const LOGITS = Float32Array.of(4, 3.5, 3, 2.9, 2, 1, 0, -1);

/** Slot tables where only these experts have slots. */
const holding = (...experts: number[]): Uint32Array =>
  Uint32Array.from({ length: 8 }, (_, expert) => (experts.includes(expert) ? expert : ABSENT));

const route = (table: Uint32Array, onMiss: OnMiss, cacheMargin = 0, spec = SPEC) =>
  core.routeResident(spec, LOGITS, table, { onMiss, cacheMargin });

test("where all picks are on the device, or nothing may give way, routing is the router's own", () => {
  const next = integers(3);
  for (const score of ["none", "softmax", "sigmoid"] as const)
    for (const weights of ["raw", "renormalized", "softmax"] as const)
      for (let step = 0; step < 20; step++) {
        const logits = Float32Array.from({ length: 8 }, () => next(40) / 8);
        const spec: RouterSpec = {
          ...SPEC,
          score,
          weights,
          ...(step % 2 && { groups: { count: 4, kept: 2, score: "max" } }),
        };
        const own = core.route(spec, logits, 1);
        for (const onMiss of ["wait", "substitute", "skip"] as const)
          expect(core.routeResident(spec, logits, holding(...own.ids), { onMiss, cacheMargin: 1 })).toEqual(
            own,
          );
        expect(core.routeResident(spec, logits, holding(), { onMiss: "wait", cacheMargin: 1 })).toEqual(own);
      }
});

test("an absent pick gives way to the best expert there within the margin, or is waited for", () => {
  const share = (a: number, b: number): number => 1 - Math.exp(LOGITS[b]! - LOGITS[a]!);
  expect([...route(holding(0, 1, 3, 4), "wait", share(2, 3) + 0.01).ids]).toEqual([0, 1, 3]);
  expect([...route(holding(0, 1, 3, 4), "wait", share(2, 3) - 0.01).ids]).toEqual([0, 1, 2]);
  // The best pick takes the one substitute; the next must wait.
  expect([...route(holding(2, 3), "wait", share(0, 3) + 0.01).ids]).toEqual([3, 1, 2]);
});

test("a substitute is the best expert there, and weights are those of what is taken", () => {
  const { ids, weights } = route(holding(1, 6, 7), "substitute");
  expect([...ids]).toEqual([6, 1, 7]);
  const scores = [0, 3.5, -1].map(Math.exp);
  const sum = scores.reduce((a, b) => a + b);
  scores.forEach((score, rank) => {
    expect(weights[rank]).toBeCloseTo((2 * score) / sum, 5);
  });
});

test("a skipped pick is left out with no weight, and the best one is waited for where all would be", () => {
  const { ids, weights } = route(holding(1, 5), "skip");
  expect([...ids]).toEqual([ABSENT, 1, ABSENT]);
  expect([...weights]).toEqual([0, 2, 0]);
  expect([...route(holding(5), "skip").ids]).toEqual([0, ABSENT, ABSENT]);
  expect([...route(holding(), "substitute").ids]).toEqual([0, 1, 2]);
});

test("experts outside the kept groups never stand in", () => {
  const spec: RouterSpec = { ...SPEC, groups: { count: 4, kept: 2, score: "max" } };
  expect([...route(holding(0, 1, 6, 7), "substitute", 0, spec).ids]).toEqual([0, 1, 2]);
  expect([...route(holding(0, 1, 3, 7), "substitute", 0, spec).ids]).toEqual([0, 1, 3]);
});
