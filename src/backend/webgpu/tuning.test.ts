import { describe, expect, it } from "vitest";
import { fastest, storedChoice, type Timed } from "./tuning.ts";

const timed = (teamRows: number, times: readonly number[], ...bits: number[]): Timed => ({
  teamRows,
  times,
  bits: Uint32Array.from(bits),
});

describe("the fastest kernel", () => {
  const byDefault = timed(2, [10, 30, 10, 11, 9], 5, 6);

  it("is the one with the lowest median, whatever single rounds say", () => {
    const slow = timed(1, [1, 12, 13, 12, 1], 5, 6);
    const fast = timed(4, [8, 40, 8, 8, 7], 5, 6);
    expect(fastest([byDefault, slow, fast])).toBe(4);
  });

  it("is never one whose results differ in a bit", () => {
    expect(fastest([byDefault, timed(4, [1, 1, 1, 1, 1], 5, 7)])).toBe(2);
  });

  it("is the default where the difference may be noise", () => {
    expect(fastest([byDefault, timed(4, [9.9, 9.9, 9.9, 9.9, 9.9], 5, 6)])).toBe(2);
  });
});

describe("a stored choice", () => {
  const stored = { q4_0: { medium: 1, large: 4, kernels: "a1" } };

  it("holds for the kernels it was timed with", () => {
    expect(storedChoice(stored, "q4_0", "a1")).toEqual({ medium: 1, large: 4 });
    expect(storedChoice(stored, "q4_0", "a2")).toBeUndefined();
    expect(storedChoice(stored, "q8_0", "a1")).toBeUndefined();
  });

  it("is ignored where it is nothing that timing could have left", () => {
    for (const found of [undefined, null, 7, { q4_0: 1 }, { q4_0: { medium: 3, large: 4, kernels: "a1" } }])
      expect(storedChoice(found, "q4_0", "a1")).toBeUndefined();
  });
});
