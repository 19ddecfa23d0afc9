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
  expect(list.slice(0, 4).map(({ verdict }) => verdict)).toEqual(["met", "met", "missed", "missed"]);
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

const kernels = (software: boolean, seconds: number): Entry[] => {
  const subject = "WebGPU, Chromium";
  const floor = {
    "read bandwidth": { values: [100e9], facts: { software } },
    "empty dispatch": { values: [1e-6], facts: { software } },
  };
  const cells = { "OLMoE expert, down [2048, 1024], 1 row": { values: [seconds], facts: { bytes: 1e6 } } };
  return [
    entry({ kind: "kernels", subject, measure: "floor", cells: floor }),
    entry({ kind: "kernels", subject, measure: "q8_0", cells }),
  ];
};

it("a software adapter leaves the targets of a real GPU open; a real one meets or misses them", () => {
  expect(verdicts(kernels(true, 1)).map(({ verdict }) => verdict)).toEqual(["open", "open"]);
  expect(verdicts(kernels(false, 20e-6)).map(({ verdict }) => verdict)).toEqual(["met"]);
  expect(verdicts(kernels(false, 30e-6))[0]).toMatchObject({ measured: "2.73", verdict: "missed" });
});

it("WebGPU decode is held against what the same adapter's kernels read", () => {
  const cells = { webgpu: { values: [60], facts: { activeBytes: 500e6, adapter: "x" } } };
  const decode = entry({ subject: "embedded q8_0", cells });
  // 1 MB in 20 µs are 50 GB/s: 100 tokens/s of 500 MB.
  const [verdict] = verdicts([decode, ...kernels(true, 20e-6)]).filter(({ what }) => what.includes("webgpu"));
  expect(verdict).toMatchObject({ measured: "0.600", verdict: "met" });
});
