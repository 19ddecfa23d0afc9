import { expect, it } from "vitest";
import { leastSquares, median, ratiosByRound, short, shortSpread, spreadOf } from "./statistics.mjs";

it("the median of an even number of values is the middle of the two in the middle", () => {
  expect(median([5, 1, 9])).toBe(5);
  expect(median([4, 1, 9, 2])).toBe(3);
  expect(() => median([])).toThrow();
});

it("ratios divide what belongs to the same round, and leave out rounds that one engine lacks", () => {
  expect(ratiosByRound([10, 20, undefined, 40], [5, undefined, 2, 10])).toEqual([2, 4]);
});

it("a spread is written as its median and what lies around it; a single value as itself", () => {
  expect(shortSpread(spreadOf([3.1449, 2, 5000]))).toBe("3.14 (2.00–5,000)");
  expect(shortSpread(spreadOf([0.01234]))).toBe("0.0123");
  expect(shortSpread(undefined)).toBe("—");
});

it("numbers have three significant digits and no exponent", () => {
  expect([1234567, 99.96, 1, 0.000123, 0].map(short)).toEqual([
    "1,234,567",
    "100.0",
    "1.00",
    "0.000123",
    "0",
  ]);
});

it("least squares finds what the values were made of, and says so where columns cannot be told apart", () => {
  const rows = [
    [0, 2, 1],
    [1, 3, 1],
    [2, 2, 1],
    [5, 7, 1],
  ];
  const fitted = leastSquares(
    rows,
    rows.map(([a, b]) => 3 * a! - 2 * b! + 10),
  )!;
  for (const [i, wanted] of [3, -2, 10].entries()) expect(fitted[i]).toBeCloseTo(wanted, 9);
  // A straight line through three points that lie beside it.
  const line = leastSquares(
    [
      [0, 1],
      [1, 1],
      [2, 1],
    ],
    [0, 3, 3],
  )!;
  expect(line[0]).toBeCloseTo(1.5);
  expect(line[1]).toBeCloseTo(0.5);
  expect(
    leastSquares(
      [
        [1, 2],
        [2, 4],
        [3, 6],
      ],
      [1, 2, 3],
    ),
  ).toBeUndefined();
  expect(leastSquares([], [])).toBeUndefined();
});
