import { expect, it } from "vitest";
import {
  CELL_KINDS,
  cellsOfNow,
  cellsOfToken,
  cellsOfUsage,
  describeExperts,
  describeOne,
  FADED_MS,
  FRESHEST,
  gridLayout,
  HEAT,
  HEAT_LEVELS,
  WEIGHT,
} from "./cells.ts";

const resident = Uint8Array.of(1, 0, 1, 0, 1, 1, 1, 0);
const snapshot = {
  layerCount: 2,
  expertCount: 4,
  expertsPerToken: 2,
  resident,
  picks: Uint32Array.of(2, 0, 1, 2),
};

it("tells the picture in words", () => {
  expect(describeExperts(snapshot)).toBe("Grid of 2 layers by 4 experts: 5 of 8 experts resident.");
});

it("names the state of one square, and nothing outside the grid", () => {
  expect(describeOne(snapshot, 1, 1)).toBe("Layer 1, expert 1: resident, used by the last token");
  expect(describeOne(snapshot, 0, 3)).toBe("Layer 0, expert 3: not resident");
  expect(describeOne(snapshot, 2, 0)).toBe("");
});

it("fills the width with a small model and keeps the squares of a large one visible", () => {
  expect(gridLayout(6, 16, 420).width).toBeLessThanOrEqual(420);
  expect(gridLayout(48, 128, 360)).toMatchObject({ cell: 9, width: 26 + 9 * 128 });
});

it("shows picks at their freshest, lets them fade, and then rests", () => {
  const lastUsed = Float64Array.of(1000, 900, 0, 0, 1000, 0, 0, 0).map(
    (ms) => ms || Number.NEGATIVE_INFINITY,
  );
  const cells = new Uint8Array(8);
  const look = (now: number, isStill = false): number[] => {
    cellsOfNow(cells, resident, lastUsed, 1000, now, isStill);
    return Array.from(cells, (cell) => cell >> 1);
  };
  const [, fading] = look(1000);
  expect(look(1000)).toEqual([FRESHEST, fading, 0, 0, FRESHEST, 0, 0, 0]);
  expect(fading).toBeGreaterThan(0);
  expect(fading).toBeLessThan(FRESHEST);
  expect(look(1400)[1]).toBeLessThan(fading!);
  expect(look(1000, true)[1]).toBe(0);
  expect(cellsOfNow(cells, resident, lastUsed, 1000, 900 + FADED_MS, false)).toBe(false);
  expect(Array.from(cells, (cell) => cell & 1)).toEqual([...resident]);
});

it("warms experts by their share of their layer, and never shows a used one as unused", () => {
  const cells = new Uint8Array(8);
  const counts = Uint32Array.of(4, 1, 0, 0, 100_000, 1, 0, 0);
  cellsOfUsage(cells, { layerCount: 2, expertCount: 4, tokens: 5, counts });
  const top = HEAT + HEAT_LEVELS - 1;
  expect(Array.from(cells)).toEqual([top, HEAT + 16, HEAT, HEAT, top, HEAT + 1, HEAT, HEAT]);
});

it("shows one token's experts by weight, on the residency of now", () => {
  const cells = new Uint8Array(8);
  cellsOfToken(cells, resident, 4, [{ layer: 1, experts: [3, 0], weights: [0.8, 0.2] }]);
  expect(Array.from(cells.subarray(0, 4))).toEqual([1, 0, 1, 0]);
  expect(cells[7]).toBe(WEIGHT + 14);
  expect(cells[4]).toBe(WEIGHT + (2 << 1) + 1);
  expect(Math.max(...cells)).toBeLessThan(CELL_KINDS);
});
