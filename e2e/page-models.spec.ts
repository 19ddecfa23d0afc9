/** Models to have and models that are here: what they take, whether they fit, and what can be done with them. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import type { Page, Route } from "@playwright/test";
import { expect, type Served, test, visit } from "./page/visit.ts";

const MODEL_FILE = fileURLToPath(new URL("../public/models/demo-moe-q4_k.gguf", import.meta.url));
const STORY = "Once upon a time, there was a little dog named Max.";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const HUB = "https://huggingface.co/**";

const stored = (page: Page) => page.locator("#stored-list > li");
const status = (page: Page) => page.locator("#stored-status");
const openStored = (page: Page) => page.getByText("Stored models", { exact: true }).click();

/** Chromium's picker of a place to save to cannot be driven: without it, an export is a download. */
async function withoutSavePicker(page: Page): Promise<void> {
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, "showSaveFilePicker"));
}

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** Writes with the embedded model until it is stored whole. */
async function storeModel(page: Page, site: Served): Promise<string> {
  const { generate, ending, written } = await visit(page, site, { backend: "wasm" });
  await page.getByLabel("Prompt").fill(STORY);
  await generate.click();
  await expect(ending).toContainText("8 tokens");
  await expect(page.locator("#figure-offline")).toHaveText(/^100\s%$/);
  return (await written.textContent())!;
}

/**
 * Makes the bytes and the checksum of a stored expert differ, as a failing disk would: the checksum, since whoever has
 * the list of models open holds files of payloads.
 */
const damage = (page: Page): Promise<void> =>
  page.evaluate(
    () =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open("webmoe-parts");
        opening.onsuccess = () => {
          const transaction = opening.result.transaction("parts", "readwrite");
          const cursor = transaction.objectStore("parts").openCursor();
          cursor.onsuccess = () => {
            const at = cursor.result;
            if (!at) return reject(new Error("No expert is stored."));
            if (!String(at.key).includes("/expert/2/5/")) return at.continue();
            at.update({ ...at.value, checksum: "0".repeat(16) });
          };
          transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      }),
  );

test("a stored model is verified, repaired, exported as its file, deleted, imported, and says the same words", async ({
  page,
  site,
}) => {
  await withoutSavePicker(page);
  const words = await storeModel(page, site);
  await page.reload();
  await openStored(page);
  await expect(stored(page)).toHaveCount(1);
  await expect(stored(page)).toContainText(/demo-moe.*complete: works offline/);
  await expect(page.locator("#storage-line")).toContainText(/used here.*may delete it/);

  await page.getByRole("button", { name: "Verify: demo-moe" }).click();
  await expect(status(page)).toContainText("all as they arrived");

  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export: demo-moe" }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe("demo-moe-q4_k.gguf");
  expect(await digest(await download.path())).toBe(await digest(MODEL_FILE));

  await damage(page);
  await page.getByRole("button", { name: "Verify: demo-moe" }).click();
  await expect(status(page)).toContainText("1 part damaged");
  await page.getByRole("button", { name: "Repair: demo-moe" }).click();
  await expect(status(page)).toContainText("1 damaged parts deleted");
  await expect(stored(page)).toContainText(/of 1\d\.\d\sMB \(99\s%\)/);
  await expect(page.getByRole("button", { name: "Export: demo-moe" })).toHaveCount(0);

  // The confirmation can be declined, by the keyboard too.
  await page.getByRole("button", { name: "Delete: demo-moe" }).click();
  const question = page.getByRole("dialog", { name: /Delete demo-moe from this device\? That frees/ });
  await expect(question).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(stored(page)).toContainText("demo-moe");
  await page.getByRole("button", { name: "Delete: demo-moe" }).click();
  await question.getByRole("button", { name: "Delete" }).click();
  await expect(stored(page)).toHaveText("Nothing is stored yet.");

  await page.locator("#import-files").setInputFiles(MODEL_FILE);
  await expect(status(page)).toContainText("demo-moe is stored");
  await expect(stored(page)).toContainText("complete: works offline");
  let requests = 0;
  page.context().on("request", (request) => {
    if (request.url().includes(".gguf")) requests++;
  });
  await page.getByRole("button", { name: "Use: demo-moe" }).click();
  await expect(page.locator("#model-line")).toContainText("demo-moe");
  await page.getByText("Settings", { exact: true }).click();
  await page.getByLabel("Max tokens").fill("8");
  await page.getByLabel("Seed").fill("7");
  await page.getByLabel("Prompt").fill(STORY);
  await page.getByRole("button", { name: "Generate" }).click();
  await expect(page.locator("#output-ending")).toContainText("8 tokens");
  expect(await page.locator("#output-written").textContent()).toBe(words);
  expect(requests).toBe(0);
});

test("a damaged file is not imported, and says why; a model that another tab uses is left alone", async ({
  page,
  site,
}) => {
  await storeModel(page, site);
  await page.reload();
  await openStored(page);
  const whole = await readFile(MODEL_FILE);
  await page
    .locator("#import-files")
    .setInputFiles({ name: "cut.gguf", mimeType: "", buffer: whole.subarray(0, 1_000_000) });
  await expect(page.getByRole("alert")).toContainText("truncated or damaged");
  await expect(stored(page)).toHaveCount(1);

  const names = await page.evaluate(async () => {
    const databases = indexedDB.open("webmoe-models");
    const keys = await new Promise<IDBValidKey[]>((resolve) => {
      databases.onsuccess = () => {
        const all = databases.result.transaction("models").objectStore("models").getAllKeys();
        all.onsuccess = () => resolve(all.result);
      };
    });
    databases.result.close();
    await new Promise<void>((granted) => {
      void navigator.locks.request(`webmoe/use/${keys[0]}`, { mode: "shared" }, () => {
        granted();
        return new Promise(() => {});
      });
    });
    return keys.length;
  });
  expect(names).toBe(1);
  // Listed as free, taken since: the attempt is refused.
  await page.getByRole("button", { name: "Delete: demo-moe" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(page.getByRole("alert")).toContainText("The model is open.");
  await expect(stored(page)).toContainText("open now");
  await expect(page.getByRole("button", { name: "Delete: demo-moe" })).toBeDisabled();
});

/** The Hub with the embedded model's bytes under every name. */
async function fakeHub(page: Page): Promise<string[]> {
  const asked: string[] = [];
  const bytes = await readFile(MODEL_FILE);
  const headers = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Content-Range, ETag",
    "access-control-allow-headers": "range, authorization",
  };
  await page.context().route(HUB, (route: Route) => {
    const request = route.request();
    const { pathname } = new URL(request.url());
    asked.push(`${request.method()} ${pathname}`);
    if (pathname.startsWith("/api/")) return route.fulfill({ headers, json: { sha: COMMIT } });
    if (pathname.includes("/gated/"))
      return route.fulfill({
        status: 401,
        headers: { ...headers, "access-control-expose-headers": "X-Error-Code", "x-error-code": "GatedRepo" },
      });
    const range = /(\d+)-(\d+)/.exec(request.headers().range ?? "");
    if (!range) return route.fulfill({ headers: { ...headers, "content-length": String(bytes.length) } });
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    return route.fulfill({
      status: 206,
      headers: { ...headers, etag: '"x"', "content-range": `bytes ${from}-${to}/${bytes.length}` },
      body: bytes.subarray(from, to + 1),
    });
  });
  return asked;
}

test("a model of the catalogue says its size and fit, and is fetched from the Hub after a click on that size", async ({
  page,
  site,
  complaints,
}) => {
  const asked = await fakeHub(page);
  await visit(page, site, { backend: "wasm" });
  await page.getByText("More models", { exact: true }).click();
  const granite = page.locator("#catalog-list > li", { hasText: "Granite 3.1 1B-A400M" });
  await expect(granite).toContainText(/822\sMB · 8 of 32 experts a word · Apache-2\.0/);
  await expect(granite.locator(".fit")).toContainText("Runs");
  expect(asked).toEqual([]);
  await granite.getByRole("button", { name: /^Fetch 822\sMB and use: Granite/ }).click();
  await expect(page.locator("#model-line")).toContainText("demo-moe");
  expect(asked[0]).toMatch(
    /GET \/api\/models\/bartowski\/granite-3\.1-1b-a400m-instruct-GGUF\/revision\/main$/,
  );
  expect(asked[1]).toMatch(
    new RegExp(`GET .*/resolve/${COMMIT}/granite-3\\.1-1b-a400m-instruct-Q4_K_M\\.gguf$`),
  );

  // What the Hub refuses is said in words.
  await page.getByLabel("Address of a GGUF file").fill("hf:org/gated/moe.gguf");
  await page.getByRole("button", { name: "Load", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("the repository is gated");
  // Browsers say so on the console too, whatever the page does about it.
  expect(complaints.splice(0).filter((line) => !line.includes("status of 401"))).toEqual([]);
});

test("a model too large for this device's storage cannot be fetched, and says what it needs", async ({
  page,
  site,
}) => {
  await page.addInitScript(() => {
    StorageManager.prototype.estimate = async () => ({ quota: 2_000_000_000, usage: 5_000_000 });
  });
  await visit(page, site);
  await page.getByText("More models", { exact: true }).click();
  const large = page.locator("#catalog-list > li", { hasText: "OLMoE" });
  await expect(large.locator(".fit")).toContainText(
    /Too large for this device’s storage\. It needs 4\.21\sGB, and the browser has 2\.00\sGB left/,
  );
  await expect(large.getByRole("button")).toBeDisabled();
  await expect(page.locator("#catalog-list > li").first().getByRole("button")).toBeEnabled();
});

test("a large file whose address was typed is asked about, with its size, before it is loaded, and no other question with it", async ({
  page,
  site,
}) => {
  const asked: string[] = [];
  let answerServer = (): void => undefined;
  const serverAnswers = new Promise<void>((resolve) => {
    answerServer = resolve;
  });
  await page.context().route("https://models.example/**", async (route) => {
    asked.push(route.request().method());
    await serverAnswers;
    await route.fulfill({
      headers: { "access-control-allow-origin": "*", "content-length": "5000000000" },
    });
  });
  await visit(page, site, { backend: "wasm" });
  await page.getByRole("radio", { name: "URL" }).check();
  await page.getByLabel("Address of a GGUF file").fill("https://models.example/large.gguf");
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: "Chat" }).check();
  await page.getByRole("button", { name: "Delete" }).click();
  const answered = page.waitForResponse("https://models.example/**");
  answerServer();
  await answered;
  const other = page.getByRole("dialog", { name: "Delete “New conversation” for good?" });
  // Long enough for the question of the size to take its place.
  await page.waitForTimeout(500);
  await other.getByRole("button", { name: "Cancel" }).click();
  const question = page.getByRole("dialog", { name: /large\.gguf is 5\.00\sGB\. Load it\?/ });
  await question.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("radio", { name: "Continue text" }).check();
  await page.getByLabel("Prompt").fill(STORY);
  await page.getByRole("button", { name: "Generate" }).click();
  await expect(page.getByRole("alert")).toContainText("Load the model at this address first");
  expect(asked).toEqual(["HEAD"]);
});

for (const [name, colorScheme, width, height] of [
  ["desktop", "light", 1280, 800],
  ["phone", "dark", 390, 844],
] as const)
  test(`both lists are free of serious axe violations on a ${name}, ${colorScheme}`, async ({
    page,
    site,
  }) => {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await storeModel(page, site);
    for (const summary of ["More models", "Stored models"]) {
      await page.getByText(summary, { exact: true }).focus();
      await page.keyboard.press("Enter");
    }
    await page.getByRole("button", { name: "Verify: demo-moe" }).click();
    await expect(status(page)).toContainText("all as they arrived");
    const { violations } = await new AxeBuilder({ page }).include(".model-panel").analyze();
    const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]!.html}`)).toEqual([]);
    const tooWide = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(tooWide).toBe(0);
  });
