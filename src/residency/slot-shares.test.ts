import { expect, test } from "vitest";
import { integers } from "../wasm/core.testing.ts";
import { measuredCounts } from "./slot-shares.ts";

const EXPERTS = 5;

test("measured shares find as many picks as any shares of as many slots, where each slot is worth less than the last", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = integers(seed);
    const demand = [0, 1, 2].map(() =>
      Float64Array.from({ length: EXPERTS }, () => next(100)).sort((a, b) => b - a),
    );
    const least = 1 + next(2);
    const slots = 3 * least + next(3 * (EXPERTS - least));
    const worth = (counts: readonly number[]): number =>
      counts.reduce(
        (sum, count, layer) => sum + demand[layer]!.subarray(0, count).reduce((a, b) => a + b, 0),
        0,
      );
    let best = 0;
    for (let a = least; a <= EXPERTS; a++)
      for (let b = least; b <= EXPERTS; b++) {
        const c = slots - a - b;
        if (c >= least && c <= EXPERTS) best = Math.max(best, worth([a, b, c]));
      }
    const sizes = { slotBytes: [10, 10, 0, 10], expertCount: EXPERTS, budget: slots * 10 + 9, least };
    const [first, second, third] = demand as [Float64Array, Float64Array, Float64Array];
    const counts = measuredCounts({ ...sizes, demand: [first, second, new Float64Array(EXPERTS), third] });
    expect(counts[2]).toBe(0);
    expect(worth([counts[0]!, counts[1]!, counts[3]!])).toBe(best);
  }
});

test("large records take a slot only where it is worth its bytes, and never more than the budget", () => {
  const demand = [Float64Array.of(9, 9, 9, 9, 9), Float64Array.of(9, 6, 6, 6, 6)];
  const counts = (budget: number): number[] => [
    ...measuredCounts({ slotBytes: [30, 10], expertCount: EXPERTS, budget, least: 1, demand }),
  ];
  expect(counts(40)).toEqual([1, 1]);
  expect(counts(80)).toEqual([1, 5]);
  expect(counts(109)).toEqual([1, 5]);
  expect(counts(110)).toEqual([2, 5]);
});
