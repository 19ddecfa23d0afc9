/** Watching experts work: every way the page shows routing, and that a large model's picture keeps up. */
import { readFile } from "node:fs/promises";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import type { FrameReport } from "./page/experts.ts";
import { expect, test, visit } from "./page/visit.ts";

/** Other programs only ever make a time longer: the least of so many is the picture's own. */
const ROUNDS = 3;

const median = (ascending: readonly number[]): number => ascending[ascending.length >> 1]!;

test("48 layers of 128 experts keep 60 frames a second", async ({ page, sources }) => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${sources.url}e2e/page/experts.html`);
  await page.waitForFunction(() => window.runFrames !== undefined);
  const rounds: FrameReport[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await page.evaluate(() => window.runFrames!(120)));
  expect(rounds.map(({ squares }) => squares)).toEqual([6144, 6144, 6144]);
  await expect(page.getByRole("img", { name: /48 layers by 128 experts: \d+ of 6144/ })).toBeVisible();
  for (const { costs, intervals } of rounds) {
    const late = intervals[Math.floor(intervals.length * 0.9)]!;
    console.log(
      `frame cost: median ${median(costs).toFixed(2)} ms, worst ${costs.at(-1)!.toFixed(2)} ms; ` +
        `interval: median ${median(intervals).toFixed(2)} ms, 90th percentile ${late.toFixed(2)} ms`,
    );
  }
  expect(Math.min(...rounds.map(({ costs }) => median(costs)))).toBeLessThan(8);
  expect(Math.min(...rounds.map(({ intervals }) => median(intervals)))).toBeLessThan(17.5);
});

async function write(page: Page, prompt: string): Promise<void> {
  await page.locator("#prompt").fill(prompt);
  await page.getByRole("button", { name: "Generate" }).click();
  await expect(page.locator("#output-ending")).toBeEmpty();
  await expect(page.locator("#output-ending")).toContainText("Seed 5");
}

test("pointing at a word, the slider, and the table tell where a token went; fingerprints and charts tell the rest", async ({
  page,
  site,
}) => {
  const { written } = await visit(page, site, { backend: "wasm", maxTokens: 60, seed: 5 });
  await write(page, "Once upon a time, there was a little dog named Max.");
  const look = page.getByRole("group", { name: "What the picture shows" });
  const slider = page.getByRole("slider", { name: "Token" });
  await expect(slider).toBeVisible();

  // In passing: the picture shows the token under the pointer, and then again what is now.
  const box = (await written.boundingBox())!;
  await page.mouse.move(box.x + 40, box.y + box.height - 12);
  await expect(page.locator("#experts-legend")).toHaveAttribute("data-look", "token");
  await page.mouse.move(2, 2);
  await expect(page.locator("#experts-legend")).toHaveAttribute("data-look", "now");

  // For good, and by keyboard alone.
  await page.getByText("Layer by layer, as a table").click();
  await slider.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  await expect(look.getByRole("radio", { name: "One token" })).toBeChecked();
  await expect(slider).toHaveAttribute("aria-valuetext", /^2 of 60: “.+”$/);
  const usedBy = () => page.locator("#layer-rows tr td:nth-of-type(2)").allTextContents();
  const second = await usedBy();
  expect(second).toHaveLength(6);
  for (const text of second) expect(text).toMatch(/^(\d+ \(0\.\d\d\)(, |$)){4}$/);
  await page.keyboard.press("ArrowRight");
  expect(await usedBy()).not.toEqual(second);
  await page.keyboard.press("End");
  await expect(slider).toHaveAttribute("aria-valuetext", /^60 of 60: .*the text ended with it$/);
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  expect(await usedBy()).toEqual(second);

  await look.getByRole("radio", { name: "Usage" }).check({ force: true });
  await expect(page.locator("#layer-rows")).toContainText("%)");

  await page.getByText("Fingerprints: which experts").click();
  await expect(page.locator("#fingerprint-overlap")).toContainText("Write a second text");
  await write(page, "ROMEO:\n");
  await expect(page.locator("#fingerprint-overlap")).toHaveText(
    /^\d\d? % of their routing is the same \(59 and 59 tokens\)\.$/,
  );
  await expect(
    page.getByRole("img", { name: /^Usage by “ROMEO:”, 59 tokens\. Most used: expert/ }),
  ).toBeVisible();
  await page.getByText("Over time: hits").click();
  await expect(
    page.getByRole("img", { name: /^Experts found in a slot, over .* Hit rate \d+ %/ }),
  ).toBeVisible();

  const { violations } = await new AxeBuilder({ page }).include(".experts-panel").analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);

  const saved = async (name: string): Promise<Buffer> => {
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name }).click();
    return readFile(await (await download).path());
  };
  const trace = await saved("Export the routing trace");
  expect(trace.subarray(0, 4).toString()).toBe("WMRT");
  const picture = await saved("Export the picture as PNG");
  expect(picture.subarray(1, 4).toString()).toBe("PNG");
  const usage = (await saved("Export usage as CSV")).toString().trim().split("\n");
  const picks = usage.slice(1).reduce((sum, line) => sum + Number(line.split(",")[2]), 0);
  // Two texts of 59 computed tokens, four experts in each of six layers.
  expect(picks).toBe(2 * 59 * 4 * 6);
  const history = (await saved("Export figures over time as CSV")).toString();
  expect(history).toMatch(/^seconds,expert_hits,.*\n0\.000,/);
});

test("an answer in Markdown knows its tokens, and its conversation's fingerprint is kept", async ({
  page,
  site,
}) => {
  await visit(page, site, { backend: "wasm", maxTokens: 60, seed: 5 });
  await page.getByRole("radio", { name: "Chat" }).check();
  await page.locator("#prompt").fill("Create a JavaScript function that reverses a string.");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.locator(".of-assistant .turn-foot p")).toContainText("Seed 5");
  await expect(page.getByRole("slider", { name: "Token" })).toBeVisible();
  const body = page.locator(".of-assistant .turn-body");
  await body.locator(":scope > *").last().scrollIntoViewIfNeeded();
  /** The first letter of the last block, and the middle of it. */
  const { letter, x, y } = await body.evaluate((element) => {
    const walker = document.createTreeWalker(element.lastElementChild!, NodeFilter.SHOW_TEXT);
    const node = walker.nextNode() as Text;
    const range = document.createRange();
    range.setStart(node, 0);
    range.setEnd(node, 1);
    const { left, top, width, height } = range.getBoundingClientRect();
    return { letter: node.data[0]!, x: left + width / 2, y: top + height / 2 };
  });
  await page.mouse.click(x, y);
  await expect(page.getByRole("radio", { name: "One token" })).toBeChecked();
  const words = await page.locator("#token-words").textContent();
  expect(/“(.+)”/.exec(words!)![1]).toContain(letter);

  await page.reload();
  await page.getByRole("radio", { name: "Chat" }).check();
  await page.locator("#prompt").focus();
  await page.getByText("Fingerprints: which experts").click();
  await expect(page.getByRole("combobox", { name: "First text" }).locator("option")).toHaveText([
    "Create a JavaScript function that…",
  ]);
});
