import { expect, it } from "vitest";
import { divergence, frequencies, lruHitRatio, touched } from "./routing.ts";

const SHAPE = {
  ...{ layers: 1, hidden: 16, heads: 1, kvHeads: 1, headDim: 16, experts: 4, expertsPerToken: 1 },
  ...{ expertHidden: 16, vocab: 16, context: 16, ropeBase: 10000, normEpsilon: 1e-6 },
};

it("frequencies are 1 where the load is even", () => {
  expect(frequencies(SHAPE, [Uint8Array.of(0, 1, 2, 3)])).toEqual([[1, 1, 1, 1]]);
  expect(frequencies(SHAPE, [Uint8Array.of(0, 0, 0, 1)])).toEqual([[3, 1, 0, 0]]);
});

it("picks count for the layer they were made in", () => {
  const two = { ...SHAPE, layers: 2 };
  expect(frequencies(two, [Uint8Array.of(0, 3, 0, 3)])).toEqual([
    [4, 0, 0, 0],
    [0, 0, 0, 4],
  ]);
  expect(touched(two, [Uint8Array.of(0, 3, 1, 3)], 2)).toBe(3 / 8);
});

it("divergence is 0 for the same experts and 1 for different ones", () => {
  expect(divergence([2, 2, 0, 0], [2, 2, 0, 0])).toBe(0);
  expect(divergence([2, 2, 0, 0], [0, 0, 2, 2])).toBe(1);
});

it("texts shorter than asked do not count as touched", () => {
  expect(touched(SHAPE, [Uint8Array.of(0, 1), Uint8Array.of(0, 0, 0, 1)], 3)).toBe(1 / 4);
  expect(touched(SHAPE, [Uint8Array.of(0)], 2)).toBeUndefined();
});

it("an LRU cache of two hits what was among the last two", () => {
  expect(lruHitRatio(SHAPE, [Uint8Array.of(0, 1, 0, 2, 1)], 2)).toBe(1 / 5);
});
