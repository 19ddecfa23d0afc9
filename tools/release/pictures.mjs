// @ts-check
/** `npm run release:pictures`: the built page's pictures, for the README and the manifest, all from one visit each. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launchChromium } from "../run/browser.mjs";
import { serveStatic } from "../run/static-server.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IMAGES = join(ROOT, "docs", "images");
const SCREENSHOTS = join(ROOT, "public", "screenshots");

const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 844 };
const STORY = "Once upon a time, there was a little dog named Max.";
const QUESTION = "Tell me a short story about a cat.";

/** @typedef {import("playwright").Page} Page */

/** @param {Page} page @param {{ budget?: string }} [options] */
async function set(page, { budget } = {}) {
  const settings = page.getByText("Settings", { exact: true });
  await settings.click();
  await page.getByLabel("Backend").selectOption("wasm");
  await page.getByLabel("Max tokens").fill("120");
  await page.getByLabel("Seed").fill("7");
  if (budget !== undefined) await page.getByLabel("Expert budget").selectOption(budget);
  await settings.click();
}

/** @param {Page} page @param {string} prompt */
async function write(page, prompt) {
  await page.getByLabel("Prompt", { exact: true }).fill(prompt);
  await page.getByRole("button", { name: "Generate" }).click();
  await page.locator("#output-ending").getByText("Seed 7").waitFor();
}

/** @param {Page} page */
async function ask(page) {
  await page.getByRole("radio", { name: "Chat" }).check();
  const message = page.getByLabel("Message", { exact: true });
  await message.fill(QUESTION);
  await message.press("Enter");
  await page.locator(".turn-foot").getByText("Seed 7").waitFor();
}

const browser = await launchChromium(ROOT);
const site = await serveStatic({ root: join(ROOT, "dist") });

/** @param {{ width: number, height: number }} viewport @param {"light" | "dark"} colorScheme @param {(page: Page) => Promise<void>} visit */
async function visited(viewport, colorScheme, visit) {
  const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(site.url);
  await visit(page);
  await context.close();
}

await visited(WIDE, "dark", async (page) => {
  await set(page);
  await write(page, STORY);
  await page.screenshot({ path: join(IMAGES, "page-text-dark.png") });
});
await visited(WIDE, "light", async (page) => {
  await set(page);
  await ask(page);
  await page.screenshot({ path: join(IMAGES, "page-chat-light.png") });
});
await visited(NARROW, "light", async (page) => {
  await set(page);
  await write(page, STORY);
  await page.locator("#prompt").evaluate((prompt) => prompt.closest("section")?.scrollIntoView());
  await page.screenshot({ path: join(IMAGES, "phone-text-light.png") });
});
await visited(NARROW, "dark", async (page) => {
  await set(page);
  await ask(page);
  await page.screenshot({ path: join(IMAGES, "phone-chat-dark.png") });
});
await visited({ width: 1280, height: 2200 }, "dark", async (page) => {
  await set(page, { budget: "50%" });
  await write(page, STORY);
  await write(page, "ROMEO:\n");
  await page.getByText("Layer by layer, as a table").click();
  await page.getByText("Fingerprints: which experts").click();
  await page.getByText("Over time: hits").click();
  await page.getByRole("slider", { name: "Token" }).fill("10");
  await page.locator(".experts-panel").screenshot({ path: join(IMAGES, "experts-dark.png") });
});
await copyFile(join(IMAGES, "page-chat-light.png"), join(SCREENSHOTS, "wide.png"));
await copyFile(join(IMAGES, "phone-text-light.png"), join(SCREENSHOTS, "narrow.png"));
await browser.close();
await site.close();
