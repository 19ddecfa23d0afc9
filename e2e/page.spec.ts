/** The built page in a real browser: what a visitor does, on both backends, under a sub-path. */
import { fileURLToPath } from "node:url";
import { expect, slowDown, stopAtFirstWord, test, visit } from "./page/visit.ts";

const LOCAL_MODEL = fileURLToPath(new URL("../public/models/demo-moe-q4_k.gguf", import.meta.url));
const STORY = "Once upon a time, there was a little dog named Max.";

for (const backend of ["wasm", "webgpu"] as const) {
  test(`on ${backend}, a second visit says the same words without a model byte from the network`, async ({
    page,
    site,
  }) => {
    const setup = { backend, maxTokens: 8, seed: 7 };
    const first = await visit(page, site, setup);
    await page.getByLabel("Prompt").fill(STORY);
    await first.generate.click();
    await expect(first.ending).toContainText("8 tokens, reached max tokens. Seed 7.");
    const text = await first.written.textContent();
    expect(text?.trim()).toBeTruthy();
    await expect(first.output).toContainText(STORY + text);
    expect(first.modelRequests()).toBeGreaterThan(0);
    await expect(page.getByRole("img", { name: /6 layers by 32 experts: [1-9]\d* of 192/ })).toBeVisible();
    await page.getByText("Model, memory and numeric profile").click();
    await expect(page.getByRole("row", { name: /^Backend/ })).toContainText(
      backend === "wasm" ? "WebAssembly" : "WebGPU",
    );
    await expect(page.locator("#figure-offline")).toHaveText(/^100\s%$/);

    const second = await visit(page, site, setup);
    await page.getByLabel("Prompt").fill(STORY);
    await second.generate.click();
    await expect(second.ending).toContainText("8 tokens");
    expect(await second.written.textContent()).toBe(text);
    expect(second.modelRequests()).toBe(0);
    await expect(page.locator("#figure-network")).toHaveText(/^0\sB$/);
  });

  test(`on ${backend}, Stop ends the text mid-way and the next prompt is answered`, async ({
    page,
    site,
  }) => {
    const { written, ending, generate, stop } = await visit(page, site, { backend, maxTokens: 400 });
    await stopAtFirstWord(page);
    await page.getByLabel("Prompt").fill(STORY);
    await generate.click();
    await expect(written).not.toBeEmpty();
    await expect(ending).toContainText("stopped");
    const text = (await written.textContent()) ?? "";
    await expect(stop).toBeDisabled();
    await expect(page.getByRole("alert")).toBeEmpty();

    await page.getByText("Settings", { exact: true }).click();
    await page.getByLabel("Max tokens").fill("4");
    await page.getByLabel("Prompt").fill("The dragon");
    await generate.click();
    await expect(ending).toContainText("4 tokens");
    expect(await written.textContent()).not.toContain(text);
  });
}

test("typing a prompt and pressing Generate is enough", async ({ page, site }) => {
  await page.goto(site.url);
  await page.getByLabel("Prompt").fill(STORY);
  await page.getByRole("button", { name: "Generate" }).click();
  await expect(page.locator("#output-written")).not.toBeEmpty();
  await expect(page.locator("#figure-rate")).toHaveText(/\d/);
  await expect(page.locator("#figure-first")).toHaveText(/\d+\s(ms|s)$/);
});

test("a small expert budget changes no word", async ({ page, site }) => {
  const { written, ending, generate } = await visit(page, site, { backend: "wasm", maxTokens: 24, seed: 3 });
  await page.getByLabel("Prompt").fill(STORY);
  await generate.click();
  await expect(ending).toContainText("Seed 3");
  const text = await written.textContent();

  await page.getByText("Settings", { exact: true }).click();
  await page.getByLabel("Expert budget").selectOption("min");
  await generate.click();
  await expect(ending).toBeEmpty();
  await expect(ending).toContainText("Seed 3");
  expect(await written.textContent()).toBe(text);
  await expect(page.locator("#figure-resident")).toHaveText("6 / 192");
});

test("a local file is read in place, without a request", async ({ page, site }) => {
  const { ending, written, generate, modelRequests } = await visit(page, site, { backend: "wasm" });
  await page.getByRole("radio", { name: "File" }).check();
  await page.getByLabel("GGUF files on this device").setInputFiles(LOCAL_MODEL);
  await expect(page.locator("#model-line")).toContainText("22.2");
  await page.getByLabel("Prompt").fill(STORY);
  await generate.click();
  await expect(ending).toContainText("8 tokens");
  await expect(written).not.toBeEmpty();
  expect(modelRequests()).toBe(0);
});

test("a bad address or file is said in words, and the page goes on", async ({ page, site }) => {
  const { ending, generate } = await visit(page, site, { backend: "wasm" });
  const alert = page.getByRole("alert");
  await page.getByLabel("Prompt").fill(STORY);
  await page.getByRole("radio", { name: "URL" }).check();
  await page.getByRole("button", { name: "Load" }).click();
  await expect(alert).toContainText("Give the address of a GGUF file");
  await page.getByLabel("Address of a GGUF file").fill("ftp://example.org/model.gguf");
  await generate.click();
  await expect(alert).toContainText("is not a web address");
  // There, but an image.
  await page.getByLabel("Address of a GGUF file").fill(`${site.url}favicon.svg`);
  await page.getByRole("button", { name: "Load" }).click();
  await expect(alert).toContainText("not a GGUF file");
  await page.getByRole("radio", { name: "File" }).check();
  await expect(alert).toBeEmpty();
  await page
    .getByLabel("GGUF files on this device")
    .setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no model") });
  await expect(alert).toContainText("No GGUF file among these");
  const dropped = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["GGUF\u0003\0\0\0"], "cut-short.gguf"));
    return data;
  });
  await page.dispatchEvent("body", "drop", { dataTransfer: dropped });
  await expect(alert).toContainText("or a damaged one");
  await page.getByRole("radio", { name: "demo-moe" }).check();
  await generate.click();
  await expect(ending).toContainText("8 tokens");
  await expect(alert).toBeEmpty();
});

test("the keyboard alone is enough, and focus is never lost", async ({ page, site }) => {
  await slowDown(page);
  const { written, ending, generate, stop } = await visit(page, site, { backend: "wasm", maxTokens: 400 });
  const prompt = page.getByLabel("Prompt");
  await prompt.press("Control+Home");
  await page.keyboard.type(STORY);
  for (let presses = 0; presses < 12; presses++) {
    await page.keyboard.press("Tab");
    if (await generate.evaluate((button) => button === document.activeElement)) break;
  }
  await expect(generate).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(stop).toBeFocused();
  await expect(written).not.toBeEmpty();
  await page.keyboard.press("Escape");
  await expect(ending).toContainText("stopped");
  await expect(generate).toBeFocused();

  await prompt.focus();
  await page.keyboard.press("Control+Enter");
  await expect(stop).toBeEnabled();
  await expect(written).not.toBeEmpty();
  await page.keyboard.press("Escape");
  await expect(generate).toBeEnabled();
});

test("markup in a text stays text", async ({ page, site }) => {
  const { output, ending, generate } = await visit(page, site, { backend: "wasm" });
  const markup = '<img src="x" onerror="document.title = 1"><b>bold</b>';
  await page.getByLabel("Prompt").fill(markup);
  await generate.click();
  await expect(ending).toContainText("8 tokens");
  await expect(output).toContainText(markup);
  await expect(output.locator("img, b")).toHaveCount(0);
});

test("a phone's width needs no sideways scrolling", async ({ page, site }) => {
  await page.setViewportSize({ width: 360, height: 740 });
  const { ending, generate } = await visit(page, site, { backend: "wasm" });
  await page.getByLabel("Prompt").fill(`${STORY} ${"w".repeat(200)}`);
  await generate.click();
  await expect(ending).toContainText("8 tokens");
  for (const summary of await page.locator("details > summary").all()) await summary.click();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
});
