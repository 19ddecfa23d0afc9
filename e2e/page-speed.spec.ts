/** How light the page is: what is transferred, when it can be used, and what it does to its thread while a model writes. */
import { expect, test, visit } from "./page/visit.ts";

const SHELL_BYTES = 200_000;
/** A task longer than this is felt. */
const LONGEST_TASK_MS = 100;

declare global {
  interface Window {
    longTasks?: { at: number; ms: number }[];
    interactiveMs?: number;
  }
}

test("the page is small and soon there, and its thread stays free while a model writes", async ({
  page,
  site,
}) => {
  let bytes = 0;
  page.on("response", async (response) => {
    const body = await response.body().catch(() => undefined);
    bytes += body?.length ?? 0;
  });
  await page.addInitScript(() => {
    window.longTasks = [];
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries())
        window.longTasks?.push({ at: Math.round(startTime), ms: Math.round(duration) });
    }).observe({ type: "longtask", buffered: true });
    // The page is wired up when the module that does it has run: its last act fills the figures.
    document.addEventListener("DOMContentLoaded", () => {
      window.interactiveMs = performance.now();
    });
  });
  await page.goto(site.url, { waitUntil: "networkidle" });
  const shell = bytes;
  const interactive = await page.evaluate(() => window.interactiveMs!);
  expect(shell).toBeLessThan(SHELL_BYTES);
  expect(interactive).toBeLessThan(1000);

  const { ending, generate } = await visit(page, site, { backend: "wasm", maxTokens: 400, seed: 3 });
  const tasksSince = (from: number) =>
    page.evaluate((at) => window.longTasks!.filter((task) => task.at >= at), from);
  const now = () => page.evaluate(() => performance.now());
  await page.locator("#prompt").fill("Once upon a time, there was a little dog named Max.");
  // The first text loads the model; the second one is measured.
  await generate.click();
  await expect(ending).toContainText("Seed 3");
  const atText = await now();
  await generate.click();
  await expect(ending).toBeEmpty();
  await expect(ending).toContainText("Seed 3");
  await page.getByRole("radio", { name: "Chat" }).check();
  await page.locator("#prompt").fill("Create a JavaScript function that reverses a string.");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.locator(".of-assistant .turn-foot p")).toContainText("Seed 3");
  const tasks = await tasksSince(atText);
  const longest = Math.max(0, ...tasks.map(({ ms }) => ms));
  console.log(
    `shell ${shell} bytes, usable after ${Math.round(interactive)} ms; ` +
      `tasks over 50 ms while writing: ${JSON.stringify(tasks)}`,
  );
  expect(longest).toBeLessThan(LONGEST_TASK_MS);
});
