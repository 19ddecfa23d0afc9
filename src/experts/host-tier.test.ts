import { expect, test } from "vitest";
import { createHostTier } from "./host-tier.ts";
import type { ExpertRecord } from "./parts.ts";

const record = (expert: number, byteLength = 10): ExpertRecord => ({
  layer: 0,
  expert,
  parts: [],
  byteLength,
});

const held = (tier: ReturnType<typeof createHostTier>): number[] =>
  [0, 1, 2, 3].filter((expert) => tier.get(0, expert));

test("the least recently used record leaves when the budget is full", () => {
  const tier = createHostTier(30);
  for (const expert of [0, 1, 2]) tier.put(record(expert));
  tier.get(0, 0);
  tier.put(record(3));
  expect(held(tier)).toEqual([0, 2, 3]);
  expect(tier.byteLength).toBe(30);
});

test("a record that is put again counts once", () => {
  const tier = createHostTier(30);
  tier.put(record(0));
  tier.put(record(0, 20));
  expect(tier.byteLength).toBe(20);
});

test("a record larger than the budget is not kept and pushes nothing out", () => {
  const tier = createHostTier(30);
  tier.put(record(0));
  tier.put(record(1, 31));
  expect(held(tier)).toEqual([0]);
});

test("a budget of 0 keeps nothing", () => {
  const tier = createHostTier(0);
  tier.put(record(0));
  expect(held(tier)).toEqual([]);
});

test("a smaller budget lets the least recently used leave, and a larger one takes more in", () => {
  const tier = createHostTier(30);
  for (const expert of [0, 1, 2]) tier.put(record(expert));
  tier.limit(15);
  expect(held(tier)).toEqual([2]);
  tier.limit(20);
  tier.put(record(3));
  expect(held(tier)).toEqual([2, 3]);
});
