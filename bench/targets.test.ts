import { expect, it } from "vitest";
import type { Entry } from "./results.mjs";
import { verdicts } from "./targets.mjs";

const entry = (parts: Partial<Entry> & Pick<Entry, "cells">): Entry => ({
  kind: "speed",
  subject: "olmoe q4_0",
  measure: "decode16",
  threads: 1,
  run: "r",
  ...parts,
});

it("a target is met or missed by the median of the rounds' ratios", () => {
  const cells = {
    "wasm-f32": { values: [40, 44, 39] },
    "wasm-int8": { values: [30, 31, 29] },
    wllama: { values: [10, 10, 10] },
    native: { values: [80, 50, 50] },
  };
  const list = verdicts([entry({ cells })]);
  expect(list.map(({ verdict }) => verdict)).toEqual(["met", "met", "missed", "missed"]);
  expect(list[0]).toMatchObject({ target: "≥ 4 ×", measured: "4.00 (3.90–4.40)" });
});

it("what no engine to compare with was measured for is said to be not measured", () => {
  const [wllama, native] = verdicts([
    entry({ cells: { "wasm-f32": { values: [1] }, wllama: { values: [1] } } }),
  ]);
  expect(wllama?.verdict).toBe("missed");
  expect(native?.verdict).toBe("not measured");
});

it("memory is better when smaller", () => {
  const cells = { "wasm-f32, 25%": { values: [30] }, wllama: { values: [100] } };
  const [f32, int8] = verdicts([entry({ kind: "memory", measure: "peak", cells })]);
  expect(f32).toMatchObject({ target: "≤ 0.4 ×", measured: "0.300", verdict: "met" });
  expect(int8?.verdict).toBe("not measured");
});
