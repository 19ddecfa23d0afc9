import { expect, it } from "vitest";
import { compareTokens, logitsDistance } from "./compare.mjs";

it("tokens are the same only if all of them are, and none is missing or too many", () => {
  expect(compareTokens([1, 2, 3], [1, 2, 3])).toEqual({ same: true, firstDifference: -1 });
  expect(compareTokens([1, 2, 4], [1, 2, 3])).toEqual({ same: false, firstDifference: 2 });
  expect(compareTokens([1, 2], [1, 2, 3])).toEqual({ same: false, firstDifference: 2 });
  expect(compareTokens([1, 2, 3, 4], [1, 2, 3])).toEqual({ same: false, firstDifference: 3 });
});

it("the distance of logits is rms of the difference over standard deviation, blind to a constant", () => {
  const expected = [3, -1, 1, -3];
  expect(logitsDistance([13, 9, 11, 7], expected)).toBe(0);
  // Differences ±1 over a standard deviation of √5.
  expect(logitsDistance([4, -2, 2, -4], expected)).toBeCloseTo(1 / Math.sqrt(5), 12);
  expect(logitsDistance([3, -1, 1, Number.NaN], expected)).toBeNaN();
  expect(() => logitsDistance([1], expected)).toThrow("cannot be compared");
});
