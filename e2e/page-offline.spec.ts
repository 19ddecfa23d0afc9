/** The page without its server: the service worker, isolation, updates, and how to be without it. */
import { appendFile, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { serveStatic } from "../tools/run/static-server.mjs";
import { expect, slowDown, test, visit } from "./page/visit.ts";
import { serveSite } from "./serve/site.ts";

const STORY = "Once upon a time, there was a little dog named Max.";
const SETUP = { backend: "wasm", maxTokens: 12, seed: 7 } as const;

const isIsolated = (page: Page): Promise<boolean> => page.evaluate(() => crossOriginIsolated);
/** Names of the kept files, without their hashes. */
const keptFiles = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const names: string[] = [];
    for (const name of await caches.keys())
      for (const { url } of await (await caches.open(name)).keys())
        names.push(
          new URL(url).pathname
            .split("/")
            .at(-1)!
            .replace(/-[\w-]{8}\./, "."),
        );
    return names.sort();
  });

test("after one visit the page is isolated, and goes on without its server", async ({ page }) => {
  const site = await serveSite();
  let closed = false;
  try {
    const fromWorker: string[] = [];
    page.context().on("response", (response) => {
      if (response.fromServiceWorker()) fromWorker.push(response.url());
    });
    const first = await visit(page, site, SETUP);
    expect(await isIsolated(page)).toBe(false);
    // What is kept before a model is chosen is small: no worker, no wasm.
    await expect.poll(() => keptFiles(page)).toContain("index.html");
    expect((await keptFiles(page)).join(" ")).not.toMatch(/worker|wasm|gguf/);
    await page.getByLabel("Prompt").fill(STORY);
    await first.generate.click();
    await expect(first.ending).toContainText("12 tokens");
    const text = await first.written.textContent();
    await expect(page.locator("#figure-offline")).toHaveText(/^100\s%$/);
    await expect.poll(() => keptFiles(page)).toEqual(expect.arrayContaining(["core.wasm", "worker.js"]));

    const second = await visit(page, site, SETUP);
    expect(await isIsolated(page)).toBe(true);
    await page.getByLabel("Prompt").fill(STORY);
    await second.generate.click();
    await expect(second.ending).toContainText("12 tokens");
    expect(await second.written.textContent()).toBe(text);

    await site.close();
    closed = true;
    const third = await visit(page, site, SETUP);
    await page.getByLabel("Prompt").fill(STORY);
    await third.generate.click();
    await expect(third.ending).toContainText("12 tokens");
    expect(await third.written.textContent()).toBe(text);
    expect(await isIsolated(page)).toBe(true);
    expect(fromWorker.length).toBeGreaterThan(0);
    expect(fromWorker.join(" ")).not.toContain("gguf");
  } finally {
    if (!closed) await site.close();
  }
});

test("switched off, nothing is kept, and the next visit is the server's", async ({ page }) => {
  const site = await serveSite();
  try {
    await visit(page, site, SETUP);
    await expect.poll(() => keptFiles(page)).toContain("index.html");
    await page.getByText("Settings", { exact: true }).click();
    await page.getByLabel("Page offline").selectOption("off");
    await expect.poll(() => keptFiles(page)).toEqual([]);
    await visit(page, site, SETUP);
    expect(await isIsolated(page)).toBe(false);
    expect(await page.evaluate(() => navigator.serviceWorker.getRegistrations())).toEqual([]);
  } finally {
    await site.close();
  }
});

test("a new version is offered, and takes over only when asked, after the text has ended", async ({
  page,
}) => {
  const folder = await mkdtemp(join(tmpdir(), "webmoe-site-"));
  await cp(fileURLToPath(new URL("../dist", import.meta.url)), folder, { recursive: true });
  const site = await serveStatic({ root: folder });
  try {
    await visit(page, site, SETUP);
    await expect.poll(() => keptFiles(page)).toContain("index.html");
    await appendFile(join(folder, "service-worker.js"), "\n// A later version.\n");
    await slowDown(page);
    const { generate, ending, written } = await visit(page, site, { ...SETUP, maxTokens: 60 });
    const notice = page.getByRole("status").filter({ hasText: "A new version of this page is ready" });
    await expect(notice).toBeVisible();
    await page.getByLabel("Prompt").fill(STORY);
    let reloads = 0;
    page.on("framenavigated", () => reloads++);
    await generate.click();
    await notice.getByRole("button", { name: "Reload" }).click();
    await expect(written).not.toBeEmpty();
    expect(reloads).toBe(0);
    await expect.poll(() => reloads).toBeGreaterThan(0);
    const waits = () =>
      page.evaluate(async () => !!(await navigator.serviceWorker.getRegistration())?.waiting);
    await expect.poll(() => waits().catch(() => true)).toBe(false);
    await expect(ending).toBeEmpty();
    await expect(notice).toBeHidden();
  } finally {
    await site.close();
    await rm(folder, { recursive: true });
  }
});

test("the web manifest names the page, and pictures that are there in the sizes it says", async ({
  page,
  site,
}) => {
  await page.goto(site.url);
  const address = await page.locator('link[rel="manifest"]').getAttribute("href");
  const manifest = await (await page.request.get(new URL(address!, site.url).href)).json();
  expect(manifest).toMatchObject({ name: "WebMoE", start_url: "./", scope: "./", display: "standalone" });
  const sizes = await page.evaluate(
    async (pictures) => {
      const found: string[] = [];
      for (const { src } of pictures) {
        const image = new Image();
        image.src = src;
        await image.decode();
        found.push(`${image.naturalWidth}x${image.naturalHeight}`);
      }
      return found;
    },
    [...manifest.icons.slice(1), ...manifest.screenshots],
  );
  expect(sizes).toEqual(["192x192", "512x512", "512x512", "1280x800", "390x844"]);
});
