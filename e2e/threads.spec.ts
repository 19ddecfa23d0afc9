/** Threads of the WASM backend in a real browser: there where the page is isolated, and never missed elsewhere. */
import type { Page } from "@playwright/test";
import { expect, type Served, test } from "./serve/fixtures.ts";
import { serveSite } from "./serve/site.ts";

const PROMPT = "Once upon a time, there was a little girl named Lily.";

interface Run {
  readonly isolated: boolean;
  /** `info.threads`. */
  readonly threads: number;
  readonly tokens: readonly number[];
}

/** What the library in a page makes of the embedded model with `threads`; the model is left in `window.model`. */
async function load(page: Page, site: Served, threads: number | undefined): Promise<Run> {
  return page.evaluate(
    async ({ base, prompt, options }) => {
      const { WebMoE } = await import(`${base}lib/webmoe.js`);
      const model = await WebMoE.load(`${base}models/demo-moe-q4_k.gguf`, options);
      const tokens: number[] = [];
      for await (const { id } of model.generate(prompt, { temperature: 0, maxTokens: 24 })) tokens.push(id);
      Object.assign(window, { model });
      return { isolated: crossOriginIsolated, threads: model.info.threads, tokens };
    },
    {
      base: site.url,
      prompt: PROMPT,
      options: { backend: "wasm", store: "memory", ...(threads && { threads }) },
    },
  );
}

function dispose(page: Page): Promise<void> {
  return page.evaluate(() => (window as unknown as { model: { dispose(): Promise<void> } }).model.dispose());
}

/** Dedicated workers of all pages, those that workers started among them. */
async function workerCount(page: Page): Promise<number> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { targetInfos } = await session.send("Target.getTargets", { filter: [{}] });
  await session.detach();
  return targetInfos.filter(({ type }) => type === "worker").length;
}

test("an isolated page computes on threads, says the same words, and dispose ends them all", async ({
  page,
}) => {
  const site = await serveSite({ isolated: true });
  try {
    await page.goto(site.url);
    const one = await load(page, site, 1);
    expect(one).toMatchObject({ isolated: true, threads: 1 });
    expect(one.tokens).toHaveLength(24);
    await expect.poll(() => workerCount(page)).toBe(1);
    await dispose(page);

    const two = await load(page, site, 2);
    expect(two).toEqual({ ...one, threads: 2 });
    await expect.poll(() => workerCount(page)).toBe(2);
    await dispose(page);
    await expect.poll(() => workerCount(page), { timeout: 10_000 }).toBe(0);

    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    expect(await load(page, site, undefined)).toEqual({ ...one, threads: Math.min(8, cores) });
    await dispose(page);
  } finally {
    await site.close();
  }
});

test("threads end with their model, however often one is loaded, and with the page that they are of", async ({
  page,
}) => {
  const site = await serveSite({ isolated: true });
  const noneLeft = () => expect.poll(() => workerCount(page), { timeout: 10_000 }).toBe(0);
  try {
    await page.goto(site.url);
    for (let model = 0; model < 8; model++) {
      await load(page, site, 3);
      await dispose(page);
      await noneLeft();
    }
    await load(page, site, 3);
    await expect.poll(() => workerCount(page)).toBe(3);
    await page.goto("about:blank");
    await noneLeft();
  } finally {
    await site.close();
  }
});

test("a page that is not isolated computes on one thread, whatever is asked for", async ({ page, site }) => {
  await page.goto(site.url);
  expect(await load(page, site, 4)).toMatchObject({ isolated: false, threads: 1 });
  await dispose(page);
});

test("the page itself works isolated, and loads nothing that isolation forbids", async ({ page }) => {
  const site = await serveSite({ isolated: true });
  const failures: string[] = [];
  page.on("console", (message) => message.type() === "error" && failures.push(message.text()));
  page.on("pageerror", (error) => failures.push(String(error)));
  page.context().on("requestfailed", (request) => failures.push(request.url()));
  try {
    await page.goto(site.url);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await page.getByLabel("Prompt").fill(PROMPT);
    await page.getByRole("button", { name: "Generate" }).click();
    await expect(page.locator("#figure-rate")).toHaveText(/\d/);
    expect(failures).toEqual([]);
  } finally {
    await site.close();
  }
});
