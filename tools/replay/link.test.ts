import { expect, test } from "vitest";
import { linkQueue } from "./link.ts";

const LINK = { bandwidth: 100, latency: 1 };

test("demanded records share one latency and come one after the other", () => {
  const queue = linkQueue(LINK);
  expect(queue.demand([1, 2, 3], 50)).toBeCloseTo(1 + 3 * 0.5);
  expect(queue.demand([], 50)).toBe(0);
  expect(queue.sentBytes).toBe(150);
});

test("a record asked for early has waited already when it is demanded, or has come", () => {
  const queue = linkQueue(LINK);
  queue.prefetch(1, 50);
  queue.pass(0.75);
  expect(queue.take(1)).toBe(false);
  expect(queue.demand([1], 50)).toBeCloseTo(0.75);
  queue.prefetch(2, 50);
  queue.pass(2);
  expect(queue.take(2)).toBe(true);
  expect(queue.take(2)).toBe(false);
});

test("demand overtakes what has not begun and waits for what has", () => {
  const queue = linkQueue(LINK);
  for (const key of [1, 2, 3]) queue.prefetch(key, 50);
  queue.pass(1.25);
  // The first of them is on the link until 1.5; the demand's own first byte comes at 2.25, after the second.
  expect(queue.demand([9], 50)).toBeCloseTo(1 + 0.5);
  expect(queue.take(2)).toBe(true);
  expect(queue.take(3)).toBe(false);
});

test("what is cancelled is never sent, and what was sent for nothing is counted when it is dropped", () => {
  const queue = linkQueue(LINK);
  for (const key of [1, 2]) queue.prefetch(key, 50);
  queue.pass(1.25);
  queue.cancel(() => false);
  queue.pass(10);
  expect(queue.sentBytes).toBe(50);
  expect(queue.drop((key) => key === 2)).toBe(0);
  expect(queue.drop((key) => key === 1)).toBe(1);
  expect(queue.take(1)).toBe(false);
});
