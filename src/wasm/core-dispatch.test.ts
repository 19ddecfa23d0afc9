import { beforeAll, expect, test } from "vitest";
import { integers, loadCore } from "./core.testing.ts";
import type { Core } from "./core.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

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
