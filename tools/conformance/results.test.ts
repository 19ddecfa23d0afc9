import { expect, it } from "vitest";
import { allCases } from "./products.mjs";
import { hasPassed, resultOf } from "./results.mjs";

const cases = await allCases();

it("a result is of one model: with other bytes under the same name the case is open again", () => {
  const item = cases.find(({ golden }) => golden !== undefined)!;
  const result = { key: item.key, modelSha256: item.golden!.model.sha256, seconds: 1, checks: [] };
  expect(resultOf(new Map([[item.key, result]]), item)).toBe(result);
  expect(resultOf(new Map([[item.key, { ...result, modelSha256: "" }]]), item)).toBeUndefined();
});

it("a comparison that made no check has not passed", () => {
  const check = { name: "run", passed: true, detail: "" };
  const result = { key: "", modelSha256: "", seconds: 1, checks: [check] };
  expect(hasPassed(result)).toBe(true);
  expect(hasPassed({ ...result, checks: [] })).toBe(false);
  expect(hasPassed({ ...result, checks: [check, { ...check, passed: false }] })).toBe(false);
});

it("the product is every architecture, type and two shapes on both backends, each case under a key of its own", () => {
  expect(new Set(cases.map(({ key }) => key)).size).toBe(cases.length);
  expect(cases.filter(({ product }) => product === "architectures")).toHaveLength(7 * 21 * 2 * 2);
});
