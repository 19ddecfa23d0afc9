import { expect, test } from "vitest";
import { exactChecks } from "./checks.mjs";

type Course = Parameters<typeof exactChecks>[0];
type Model = Course["models"][0];
type Look = Course["looks"][0];

const BUDGET = 1000;

const stats = {
  peakExpertBytes: BUDGET,
  hostHits: 5,
  hostMisses: 7,
  evictions: 11,
  networkBytes: 0,
  storeFailures: 0,
  healedParts: 0,
  deviceLosses: 0,
} as Model["stats"];
const model = { stats, info: { expertBudget: BUDGET } as Model["info"], workersLeft: 0 };
const look = {
  slotBytes: BUDGET,
  peakExpertBytes: BUDGET,
  openTransactions: 0,
  pendingFetches: 0,
  workers: 2,
} as Look;

const sound: Course = {
  seconds: 60,
  looks: [look, look],
  // Only the first finds an empty store.
  models: [{ ...model, stats: { ...stats, networkBytes: 5000 } }, model],
  done: {
    tokens: 9,
    turns: 3,
    conversations: 1,
    stops: 2,
    "loops left early": 1,
    traces: 1,
    "trace bytes": 100,
  },
  mismatches: 0,
};

const withLook = (change: Partial<Look>): Partial<Course> => ({ looks: [look, { ...look, ...change }] });
const withStats = (change: Partial<Model["stats"]>): Partial<Course> => ({
  models: [sound.models[0]!, { ...model, stats: { ...stats, ...change } }],
});

test("a sound soak passes every check", () => {
  expect(exactChecks(sound).filter(({ passed }) => !passed)).toEqual([]);
});

test.each<[string, Partial<Course>]>([
  ["never above the budget", withLook({ slotBytes: BUDGET + 1 })],
  ["never above the budget", withLook({ peakExpertBytes: BUDGET + 1 })],
  ["never above the budget", withStats({ peakExpertBytes: BUDGET + 1 })],
  ["no IndexedDB transaction", withLook({ openTransactions: 1 })],
  ["no fetch pending", withLook({ pendingFetches: 1 })],
  ["as many workers", withLook({ workers: 3 })],
  ["no worker left", { models: [sound.models[0]!, { ...model, workersLeft: 1 }] }],
  ["the same tokens", { mismatches: 1 }],
  ["no expert fetched again", withStats({ networkBytes: 1 })],
  [
    "misses served by",
    { models: sound.models.map((each) => ({ ...each, stats: { ...stats, hostHits: 0 } })) },
  ],
  ["store failures", withStats({ storeFailures: 1 })],
  ["store failures", withStats({ healedParts: 1 })],
  ["every kind of use", { done: { ...sound.done, traces: 0 } }],
])("the check “%s” alone fails on what it is about", (name, change) => {
  const failed = exactChecks({ ...sound, ...change }).filter(({ passed }) => !passed);
  expect(failed.map((each) => each.name)).toEqual([expect.stringContaining(name)]);
});
