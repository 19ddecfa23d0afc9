import { expect, test } from "vitest";
import { WebMoEError } from "../../api/errors.ts";
import { unopenedFiles } from "../../experts/source/open.ts";
import { CATALOG } from "./catalog.ts";
import { type Device, fitOf } from "./fit.ts";

const GIB = 1024 ** 3;
const laptop: Device = { room: 60e9, memoryBytes: 8 * GIB, gpuBufferBytes: 2 * GIB };
const model = { fileBytes: 4.2e9, expertBytes: 3.9e9, layerCount: 16, expertCount: 64 };

test("a model fits by storage, memory, GPU and expert room, in this order", () => {
  const verdicts = [
    fitOf({ ...model, fileBytes: 2e9, expertBytes: 1.9e9 }, laptop),
    fitOf(model, laptop),
    fitOf(model, { ...laptop, room: 4e9 }),
    fitOf({ ...model, fileBytes: 9e9 }, laptop),
    fitOf(model, { ...laptop, gpuBufferBytes: 1e6 }),
  ].map(({ verdict, headline }) => `${verdict}: ${headline}`);
  expect(verdicts).toEqual([
    "runs: Runs",
    "paged: Runs paged",
    "too-large: Too large for this device’s storage",
    "too-large: Too large for this device’s memory",
    "too-large: Too large for this device’s GPU",
  ]);
});

test("what is stored already needs no room, and a browser that does not say how much is believed to have enough", () => {
  const full = { ...laptop, room: 1e9 };
  expect(fitOf(model, full).verdict).toBe("too-large");
  expect(fitOf(model, full, 3.5e9).verdict).toBe("paged");
  expect(fitOf(model, { ...laptop, room: undefined }).verdict).toBe("paged");
});

test("reasons say the figures, and that there is no GPU", () => {
  expect(fitOf(model, laptop).reason).toContain("55\u00a0%");
  expect(fitOf(model, { ...laptop, room: 4e9 }).reason).toMatch(/4\.20\sGB.*4\.00\sGB/);
  expect(fitOf(model, { ...laptop, gpuBufferBytes: undefined }).reason).toContain("no GPU");
});

test("the catalog's addresses are ones that the library takes, and its experts are part of their files", () => {
  for (const { address, fileBytes, expertBytes, license, sha256, sources } of CATALOG) {
    expect(() => unopenedFiles(address)).not.toThrow(WebMoEError);
    expect(expertBytes).toBeGreaterThan(fileBytes * 0.8);
    expect(expertBytes).toBeLessThan(fileBytes);
    expect([license, sha256].join()).toMatch(/^[\w.-]+,[0-9a-f]{64}$/);
    for (const source of sources) expect(source).toMatch(/^https:\/\/huggingface\.co\//);
  }
  const names = CATALOG.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
