/** Devices that are taken away in a real browser: the same tokens as without, and nothing is downloaded again. */
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import type { Answer } from "./device-loss/page.ts";
import type { Point } from "./device-loss/points.ts";
import { expect, type Served, test } from "./serve/fixtures.ts";

const PROMPT = "Once upon a time, there was a little girl named Lily.";
const GOLDEN = new URL("../tools/conformance/golden/embedded.json", import.meta.url);

/** llama.cpp's greedy continuation of PROMPT. */
const golden: readonly number[] = JSON.parse(readFileSync(GOLDEN, "utf8")).cases.find(
  (item: { text?: string }) => item.text === PROMPT,
).ids;

/** Byte ranges of the model that the page asked for, as they were asked for. */
function rangesOf(page: Page): { readonly from: number; readonly to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  page.on("request", (request) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers().range ?? "");
    if (range) ranges.push({ from: Number(range[1]), to: Number(range[2]) });
  });
  return ranges;
}

async function load(
  page: Page,
  sources: Served,
  budget: `${number}%`,
  points: readonly Point[],
): Promise<void> {
  await page.goto(`${sources.url}e2e/device-loss/index.html`);
  await page.waitForFunction(() => window.deviceLoss !== undefined);
  await page.evaluate(([budget, points]) => window.deviceLoss!.load(budget, points), [
    budget,
    points,
  ] as const);
}

/** With `after`, ask for more tokens than the worker may be ahead of the page, or it may be done before the points are set. */
function answer(
  page: Page,
  maxTokens: number,
  options: { readonly points?: readonly Point[]; readonly after?: number } = {},
): Promise<Answer> {
  return page.evaluate(
    ([prompt, maxTokens, options]) => window.deviceLoss!.answer(prompt, maxTokens, options),
    [PROMPT, maxTokens, options] as const,
  );
}

test("a device lost while the trunk is uploaded, and one lost in prefill, show in no token", async ({
  page,
  sources,
}) => {
  const ranges = rangesOf(page);
  await load(page, sources, "50%", [{ call: "write", count: 20 }]);
  const points: Point[] = [{ call: "submit", count: 4 }];
  expect(await answer(page, 8, { points })).toEqual({
    ids: golden.slice(0, 8),
    notices: ["device-lost"],
    deviceLosses: 2,
    backend: "webgpu",
  });
  // The header is read in two steps, of which the second reaches into the trunk.
  const parts = ranges.slice(2).sort((a, b) => a.from - b.from);
  expect(parts.length).toBeGreaterThan(10);
  expect(parts.filter(({ from }, i) => i > 0 && from <= parts[i - 1]!.to)).toEqual([]);
});

test("a device lost in decode, and one lost while an expert is written, show in no token", async ({
  page,
  sources,
}) => {
  await load(page, sources, "25%", []);
  const inDecode: Point[] = [{ call: "submit", count: 3 }];
  const aheadAndMore = 40;
  expect(await answer(page, aheadAndMore, { points: inDecode, after: 3 })).toMatchObject({
    ids: golden.slice(0, aheadAndMore),
    notices: ["device-lost"],
    backend: "webgpu",
  });
  const inSlots: Point[] = [{ call: "write", count: 7, label: "experts " }];
  expect(await answer(page, 4, { points: inSlots })).toMatchObject({
    ids: golden.slice(0, 4),
    notices: ["device-lost"],
    deviceLosses: 2,
  });
});

test("when the device is lost a third time, WASM goes on and the page learns of it", async ({
  page,
  sources,
}) => {
  await load(page, sources, "50%", []);
  const points: Point[] = [
    { call: "submit", count: 3 },
    { call: "write", count: 1 },
    { call: "write", count: 1 },
  ];
  const last = await answer(page, golden.length, { points, after: 2 });
  expect(last).toEqual({
    ids: golden,
    notices: ["device-lost", "device-lost", "device-lost", "numerics-changed"],
    deviceLosses: 3,
    backend: "wasm",
  });
});
