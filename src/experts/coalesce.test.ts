import { expect, test } from "vitest";
import { coalesce, MAX_GAP_BYTES, MAX_REQUEST_BYTES } from "./coalesce.ts";

const bounds = (ranges: readonly { offset: number; length: number }[]): [number, number, number][] =>
  coalesce(ranges).map(({ offset, length, members }) => [offset, length, members.length]);

test("ranges up to the largest gap apart are one request, whatever their order", () => {
  const second = { offset: 100 + MAX_GAP_BYTES, length: 50 };
  expect(bounds([second, { offset: 0, length: 100 }])).toEqual([[0, 150 + MAX_GAP_BYTES, 2]]);
});

test("ranges further apart are requests of their own", () => {
  const second = { offset: 101 + MAX_GAP_BYTES, length: 50 };
  expect(bounds([{ offset: 0, length: 100 }, second])).toEqual([
    [0, 100, 1],
    [second.offset, 50, 1],
  ]);
});

test("a request never grows over the limit, though a single range may be over it", () => {
  const half = MAX_REQUEST_BYTES / 2;
  const ranges = [0, 1, 2].map((i) => ({ offset: i * half, length: half }));
  expect(bounds(ranges)).toEqual([
    [0, 2 * half, 2],
    [2 * half, half, 1],
  ]);
  expect(bounds([{ offset: 0, length: 3 * half }])).toEqual([[0, 3 * half, 1]]);
});

test("overlapping ranges count their common bytes once", () => {
  expect(
    bounds([
      { offset: 0, length: 100 },
      { offset: 10, length: 20 },
      { offset: 50, length: 100 },
    ]),
  ).toEqual([[0, 150, 3]]);
});
