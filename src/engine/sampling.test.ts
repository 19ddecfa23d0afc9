import { expect, test } from "vitest";
import { generationSettings, sampleParams } from "./sampling.ts";
import { loadSettings } from "./settings.ts";

test("options out of range are refused by name, and defaults are complete", () => {
  for (const [name, value] of [
    ["temperature", -1],
    ["temperature", Number.NaN],
    ["topK", 1.5],
    ["topP", 1.1],
    ["minP", -0.1],
    ["repeatPenalty", 0],
    ["maxTokens", 0],
    ["seed", 0.5],
    ["stop", [""]],
  ] as const)
    expect(() => generationSettings({ [name]: value })).toThrow(name);
  const { temperature, topK, stop, ignoreEos } = generationSettings({ stop: "end" });
  expect({ temperature, topK, stop, ignoreEos }).toEqual({
    temperature: 0.8,
    topK: 40,
    stop: ["end"],
    ignoreEos: false,
  });
  expect(() => loadSettings({ backend: "cuda" as "wasm" }, 1)).toThrow("backend");
  expect(() => loadSettings({ backend: "webgpu", onMiss: "skip" }, 1)).toThrow("onMiss");
  expect(() => loadSettings({ backend: "webgpu", prediction: "gates" }, 1)).toThrow("prediction");
  expect(() => loadSettings({ expertBudget: -5 }, 1)).toThrow("expertBudget");
  expect(() => loadSettings({ threads: 0 }, 1)).toThrow("threads");
});

test("a repeat penalty sees the distinct tokens of the last 64, and none when it is off", () => {
  const history = Array.from({ length: 200 }, (_, i) => i % 70);
  const penalized = (repeatPenalty: number): number[] =>
    Array.from(sampleParams(generationSettings({ repeatPenalty, seed: 1 }), 200, history).penalized).sort(
      (a, b) => a - b,
    );
  expect(penalized(1)).toEqual([]);
  expect(penalized(1.1)).toEqual([...new Set(history.slice(-64))].sort((a, b) => a - b));
});

test("the draw depends on the position, so that equal logits do not repeat themselves", () => {
  const settings = generationSettings({ seed: 9 });
  expect(sampleParams(settings, 1, [1]).random).not.toBe(sampleParams(settings, 2, [1, 1]).random);
});
