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

/** Other programs only ever make a time longer: the least of so many is the page's own. */
const ROUNDS = 3;

/** Notes long tasks, and when the page's module has run: it is wired up then. */
function watchTimes(): void {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      window.longTasks?.push({ at: Math.round(startTime), ms: Math.round(duration) });
  }).observe({ type: "longtask", buffered: true });
  document.addEventListener("DOMContentLoaded", () => {
    window.interactiveMs = performance.now();
  });
}

test("the page is small and soon there", async ({ browser, site }) => {
  let bytes = 0;
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // A visitor who was never here: no service worker, no cache.
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.addInitScript(watchTimes);
    const lengths: Promise<number>[] = [];
    page.on("response", (response) => {
      lengths.push(
        response.body().then(
          ({ length }) => length,
          () => 0,
        ),
      );
    });
    await page.goto(site.url, { waitUntil: "networkidle" });
    times.push(await page.evaluate(() => window.interactiveMs!));
    bytes = (await Promise.all(lengths)).reduce((sum, length) => sum + length, 0);
    await context.close();
  }
  console.log(`shell ${bytes} bytes, usable after ${times.map(Math.round).join(", ")} ms`);
  expect(bytes).toBeGreaterThan(50_000);
  expect(bytes).toBeLessThan(SHELL_BYTES);
  expect(Math.min(...times)).toBeLessThan(1000);
});

test("the page's thread stays free while a model writes", async ({ page, site }) => {
  await page.addInitScript(watchTimes);
  const { ending, generate } = await visit(page, site, { backend: "wasm", maxTokens: 300, seed: 3 });
  const now = () => page.evaluate(() => performance.now());
  const longestSince = (from: number) =>
    page.evaluate(
      (at) => Math.max(0, ...window.longTasks!.filter((task) => task.at >= at).map(({ ms }) => ms)),
      from,
    );
  /** Writes, and gives the longest task meanwhile. */
  async function write(button: string, prompt: string, end: () => Promise<void>): Promise<number> {
    await page.locator("#prompt").fill(prompt);
    const from = await now();
    await page.getByRole("button", { name: button, exact: true }).click();
    await end();
    return longestSince(from);
  }
  await page.locator("#prompt").fill("Once upon a time");
  // Loading the model is a matter of its own.
  await generate.click();
  await expect(ending).toContainText("Seed 3");
  const texts: number[] = [];
  const answers: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    texts.push(
      await write("Generate", "ROMEO:\n", async () => {
        await expect(ending).toBeEmpty();
        await expect(ending).toContainText("Seed 3");
      }),
    );
  await page.getByRole("radio", { name: "Chat" }).check();
  for (let round = 1; round <= ROUNDS; round++)
    answers.push(
      await write("Send", "Create a JavaScript function that reverses a string.", async () => {
        await expect(page.locator(".of-assistant")).toHaveCount(round);
        await expect(page.locator(".of-assistant .turn-foot p").last()).toContainText("Seed 3");
      }),
    );
  console.log(
    `longest tasks: texts ${texts.join(", ")} ms; answers ${answers.join(", ")} ms (0: none over 50)`,
  );
  expect(Math.min(...texts)).toBeLessThan(LONGEST_TASK_MS);
  expect(Math.min(...answers)).toBeLessThan(LONGEST_TASK_MS);
});
