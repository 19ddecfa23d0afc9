import { expect, it } from "vitest";
import { parseBudget } from "./budget.ts";

it("reads sizes with decimal and binary units, and leaves the library's own words to the library", () => {
  expect(parseBudget("512MB")).toBe(512e6);
  expect(parseBudget(" 1.5 GiB ")).toBe(1.5 * 1024 ** 3);
  expect(parseBudget("1000")).toBe(1000);
  expect([parseBudget("25%"), parseBudget("all"), parseBudget("2 cows")]).toEqual(["25%", "all", "2 cows"]);
  expect([parseBudget(null), parseBudget(" ")]).toEqual([undefined, undefined]);
});
