import { expect, it } from "vitest";
import type { Stats } from "../../index.ts";
import { createHistory, historyCsv, seriesOf } from "./history.ts";

const stats = (expertHits: number, expertMisses: number, stallSeconds: number, networkBytes: number): Stats =>
  ({ expertHits, expertMisses, stallSeconds, networkBytes, storeBytes: 0, hostBytes: 0 }) as Stats;

it("tells rates between looks, and leaves pauses out of the time", () => {
  const history = createHistory();
  history.add(1000, stats(0, 0, 0, 0));
  history.add(1500, stats(3, 1, 0.1, 10));
  history.add(60_000, stats(3, 1, 0.1, 10));
  history.add(61_000, stats(4, 1, 0.6, 30));
  const { seconds, hitRate, stall, network } = seriesOf(history.samples());
  expect(seconds).toEqual([0, 0.5, 0.5, 1.5]);
  expect(hitRate).toEqual([null, 75, null, 100]);
  expect(stall).toEqual([null, 20, null, 50]);
  expect(network).toEqual([0, 10, 10, 30]);
  expect(historyCsv(history.samples()).split("\n")[2]).toBe("0.500,3,1,0.1000,10,0,0");
});

it("grows coarser instead of longer, and keeps its last sums", () => {
  const history = createHistory();
  for (let i = 0; i <= 10_000; i++) history.add(i * 100, stats(i, 0, 0, i));
  expect(history.samples().length).toBeLessThanOrEqual(2048);
  expect(history.samples().at(-1)?.seconds).toBeCloseTo(1000, 0);
  expect(history.samples().at(-1)?.networkBytes).toBe(10_000);
});
