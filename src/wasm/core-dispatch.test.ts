import { beforeAll, expect, test } from "vitest";
import coreUrl from "../../asm/core/index.ts?asc";
import { compileWasmFile } from "./compile-node.ts";
import { type Core, instantiateCore } from "./core.ts";
import { ABSENT } from "./decisions.ts";

let core: Core;
beforeAll(async () => {
  core = await instantiateCore(await compileWasmFile(coreUrl));
});

/** Deterministic integers in [0, below). */
function integers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("every entry is grouped under its expert, experts and entries ascending", () => {
  const next = integers(3);
  const ids = Uint32Array.from({ length: 900 }, () => next(7) * 5);
  const plan = core.groupByExpert(ids, 40);
  const expected = new Map<number, number[]>();
  ids.forEach((id, entry) => {
    expected.set(id, [...(expected.get(id) ?? []), entry]);
  });
  const experts = [...expected.keys()].sort((a, b) => a - b);
  expect([...plan.experts]).toEqual(experts);
  expect(plan.offsets.length).toBe(experts.length + 1);
  experts.forEach((expert, i) => {
    expect([...plan.entries.subarray(plan.offsets[i], plan.offsets[i + 1])]).toEqual(expected.get(expert));
  });
});

test("a batch without rows groups to nothing, and an id that is no expert is refused", () => {
  const empty = core.groupByExpert(new Uint32Array(0), 8);
  expect([empty.experts.length, [...empty.offsets], empty.entries.length]).toEqual([0, [0], 0]);
  expect(() => core.groupByExpert(Uint32Array.from([0, 8]), 8)).toThrow(
    expect.objectContaining({ code: "invalid-argument", message: "Entry 1 names expert 8 of 8." }),
  );
});

/** Slot tables as maps whose insertion order is recency, oldest first. */
function model(counts: readonly number[]) {
  const layers = counts.map((count) => ({ count, held: new Map<number, number>() }));
  const touch = (layer: number, expert: number): void => {
    const { held } = layers[layer]!;
    const slot = held.get(expert);
    if (slot === undefined) return;
    held.delete(expert);
    held.set(expert, slot);
  };
  return { layers, touch };
}

test("slot tables behave as least-recently-used maps over thousands of random operations", () => {
  const next = integers(11);
  const counts = [1, 3, 8, 0, 16];
  const expertCount = 16;
  core.slots.reset(Uint32Array.from(counts), expertCount);
  const { layers, touch } = model(counts);
  for (let step = 0; step < 8000; step++) {
    const layer = next(counts.length);
    const expert = next(expertCount);
    const { held, count } = layers[layer]!;
    const action = next(10);
    if (action < 6 && !held.has(expert)) {
      const keep = Uint32Array.from({ length: next(4) }, () => next(expertCount));
      const placed = core.slots.place(layer, expert, keep);
      const victim = held.size < count ? undefined : [...held.keys()].find((id) => !keep.includes(id));
      if (held.size === count && victim === undefined) {
        expect(placed).toBeUndefined();
        continue;
      }
      expect(placed!.evicted).toBe(victim ?? ABSENT);
      expect(placed!.slot).toBeLessThan(count);
      if (victim === undefined) expect([...held.values()]).not.toContain(placed!.slot);
      else expect(placed!.slot).toBe(held.get(victim));
      if (victim !== undefined) held.delete(victim);
      held.set(expert, placed!.slot);
    } else if (action < 9) {
      core.slots.touch(layer, expert);
      touch(layer, expert);
    } else {
      core.slots.evict(layer, expert);
      held.delete(expert);
    }
    expect(core.slots.lookup(layer, expert)).toBe(held.get(expert) ?? ABSENT);
    if (step % 50 === 0) {
      expect([...core.slots.table(layer)]).toEqual(
        Array.from({ length: expertCount }, (_, id) => held.get(id) ?? ABSENT),
      );
    }
  }
});

test("an expert that is placed again keeps its slot", () => {
  core.slots.reset(Uint32Array.from([2]), 4);
  const first = core.slots.place(0, 3, new Uint32Array(0));
  expect(core.slots.place(0, 3, new Uint32Array(0))).toEqual({ slot: first!.slot, evicted: ABSENT });
});

test("a table outlives other calls, and a reset empties it at another size", () => {
  core.slots.reset(Uint32Array.from([2, 2]), 4);
  core.slots.place(1, 2, new Uint32Array(0));
  core.checksum(new Uint8Array(5_000_000).fill(255));
  expect([...core.slots.table(1)].filter((slot) => slot !== ABSENT)).toHaveLength(1);
  core.slots.reset(Uint32Array.from([5, 5, 5]), 64);
  expect([...core.slots.table(1)]).toEqual(new Array(64).fill(ABSENT));
});

test("layers and experts outside the tables are refused", () => {
  core.slots.reset(Uint32Array.from([2]), 4);
  const refused = expect.objectContaining({ code: "invalid-argument" });
  expect(() => core.slots.lookup(1, 0)).toThrow(refused);
  expect(() => core.slots.place(0, 4, new Uint32Array(0))).toThrow(refused);
  expect(() => core.slots.table(1)).toThrow(refused);
});
