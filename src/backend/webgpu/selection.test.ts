import { expect, it } from "vitest";
import { ABSENT } from "../backend.ts";
import { decodeLog, encodeBatchWave, encodeDecisions, encodeRowWave } from "./selection.ts";

const wave = {
  slots: Uint32Array.of(7, 3),
  offsets: Uint32Array.of(0, 1, 11),
  entries: Uint32Array.of(2, 0, 1, 4, 5, 6, 7, 8, 9, 10, 11),
};

it("splits an expert's entries into work items no larger than a tile", () => {
  expect([...encodeBatchWave(wave, 8)]).toEqual([7, 0, 1, 0, 3, 1, 8, 0, 3, 9, 2, 0]);
});

it("skips the ranks of a token that are not in the wave", () => {
  const row = { ...wave, offsets: Uint32Array.of(0, 1, 2) };
  const slots = encodeRowWave(row, 4).filter((_, i) => i % 4 === 2);
  expect([...slots]).toEqual([3, ABSENT, 7, ABSENT]);
});

it("reads back decisions as they were written, layers apart and ranks in order", () => {
  const layers = [
    { ids: Uint32Array.of(5, 1), weights: Float32Array.of(0.75, 0.25) },
    { ids: Uint32Array.of(0, 9), weights: Float32Array.of(0.1, -2) },
  ];
  const log = new Uint32Array(2 * 64);
  for (const [layer, decisions] of layers.entries()) log.set(encodeDecisions(decisions), layer * 64);
  const { ids, weights, slots } = decodeLog(log, 64, 2);
  expect([...ids]).toEqual([5, 1, 0, 9]);
  expect([...weights]).toEqual([...Float32Array.of(0.75, 0.25, 0.1, -2)]);
  expect([...slots]).toEqual([0, 0, 0, 0]);
});
