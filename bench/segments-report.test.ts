import { expect, it } from "vitest";
import { bestWhere, type Group, segmentCosts, verdictOf } from "./segments-report.mjs";

const group = (cells: [length: string, tokensPerSecond: number[], counts?: number[]][]): Group => ({
  ...{ backend: "webgpu", budget: "50%", layerCount: 6, leastSlots: 8, expertsPerToken: 2 },
  cells: cells.map(([length, tokensPerSecond, [readbacks = 1, layerExecutions = 6, replays = 0] = []]) => ({
    ...{ length, tokensPerSecond, readbacks, layerExecutions, replays },
    hitRate: 1,
  })),
});

it("adaptive segments are held to the fixed length with the best median, round by round", () => {
  const verdict = verdictOf(
    group([
      ["auto", [9, 20, 9]],
      ["1", [12, 10, 9]],
      ["all", [10, 25, 10]],
      ["2", [8, 9, 90]],
    ]),
  );
  expect(verdict).toEqual({ best: "1", ratio: { min: 0.75, median: 1, max: 2, count: 3 }, met: true });
  expect(
    verdictOf(
      group([
        ["auto", [8.9]],
        ["1", [10]],
      ]),
    ).met,
  ).toBe(false);
});

it("a token's time is taken apart into readbacks, layers, replays and itself", () => {
  const counts = [
    [7, 7, 1],
    [3, 9, 2],
    [2, 8, 0.5],
    [1, 6, 0],
    [4, 12, 2],
  ];
  const time = ([readbacks = 0, layers = 0, replays = 0]: number[]) =>
    2 * readbacks + 10 * layers + 5 * replays + 20;
  const measured = group(counts.map((each, i) => [String(i), [1000 / time(each)], each]));
  const costs = segmentCosts([measured, { ...measured, backend: "wasm" }], 2)!;
  expect(costs.count).toBe(5);
  expect(costs.layer).toBeCloseTo(10, 6);
  expect(costs.replay).toBeCloseTo(5, 6);
  expect(costs.token).toBeCloseTo(20, 5);
  expect(costs.error).toBeCloseTo(0, 9);
  // Decode that was cut at the router says nothing of segments.
  expect(segmentCosts([{ ...measured, leastSlots: 1 }], 2)).toBeUndefined();
});

it("where readbacks are dear, lengths that save them are best; where layers are, those that waste none", () => {
  const both = group([
    ["auto", [9], [0, 0, 0]],
    ["1", [9], [7, 6, 1]],
    ["all", [9], [2, 10, 1]],
  ]);
  expect([0.1, 10].map((layers) => bestWhere(both, layers))).toEqual(["1", "all"]);
});
