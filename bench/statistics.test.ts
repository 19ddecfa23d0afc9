import { expect, it } from "vitest";
import { median, ratiosByRound, short, shortSpread, spreadOf } from "./statistics.mjs";

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
