/** What the privacy note says: after it has loaded, the page asks for its own program and for model parts, nothing else. */
import { expect, test, visit } from "./page/visit.ts";

const SECRET = "xyzzy-4711";

test("no request leaves the page but for its own files and model parts, and none carries what was written", async ({
  page,
  site,
  context,
}) => {
  await visit(page, site, { backend: "wasm", maxTokens: 12 });
  await page.waitForLoadState("networkidle");
  const model: string[] = [];
  const program: string[] = [];
  const other: string[] = [];
  const carried: string[] = [];
  context.on("request", (request) => {
    const url = request.url();
    if (url.startsWith("blob:") || url.startsWith("data:")) return;
    const sent = [request.method(), url, JSON.stringify(request.headers()), request.postData() ?? ""].join(
      " ",
    );
    if (sent.includes(SECRET) || request.method() !== "GET" || "cookie" in request.headers())
      carried.push(sent);
    if (url === `${site.url}models/demo-moe-q4_k.gguf`) model.push(url);
    else if (url.startsWith(`${site.url}assets/`)) program.push(url);
    else other.push(url);
  });

  await page.locator("#prompt").fill(`${SECRET} Once upon a time`);
  await page.getByRole("button", { name: "Generate" }).click();
  await expect(page.locator("#output-ending")).toContainText("Seed 7");
  await page.getByRole("radio", { name: "Chat" }).check();
  await page.locator("#prompt").fill(`Who is ${SECRET}?`);
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.locator(".of-assistant .turn-foot p")).toContainText("Seed 7");
  await page.getByText("Settings", { exact: true }).click();
  await page.getByLabel("System message").fill(SECRET);
  await page.getByLabel("Expert budget").selectOption("25%");
  await page.getByRole("button", { name: "Regenerate this answer" }).click();
  await expect(page.locator(".of-assistant .turn-foot p")).toContainText("Seed 7");
  for (const name of ["Fingerprints: which experts", "Over time: hits"]) await page.getByText(name).click();
  await expect(page.getByRole("img", { name: /^Experts found in a slot/ })).toBeVisible();
  for (const name of ["Export the routing trace", "Export usage as CSV"]) {
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name }).click();
    await download;
  }
  await expect(page.locator("#figure-offline")).toHaveText(/^100\s%$/);
  expect(model.length).toBeGreaterThan(0);
  expect(program.length).toBeGreaterThan(0);
  expect(other).toEqual([]);
  expect(carried).toEqual([]);
  expect(await context.cookies()).toEqual([]);

  // Once all of it is here, nothing is asked at all.
  const before = model.length + program.length;
  await page.getByRole("button", { name: "Regenerate this answer" }).click();
  await expect(page.locator(".turn.of-assistant")).toHaveCount(1);
  await expect(page.locator(".of-assistant .turn-foot p")).toContainText("Seed 7");
  expect(model.length + program.length).toBe(before);
});

test("settings stay as they were left, and can be reset; single keys can be switched off", async ({
  page,
  site,
}) => {
  await page.goto(site.url);
  await page.getByText("Settings", { exact: true }).click();
  await page.getByLabel("Temperature").fill("0.25");
  await page.getByLabel("Eviction").selectOption("lru");
  await page.getByLabel("Activations").selectOption("int8");
  await expect(page.getByText("int8 changes the text.")).toBeVisible();
  await page.getByLabel("Threads").fill("1");
  await page.getByLabel("Threads").press("Tab");
  await page.reload();
  await page.getByText("Settings", { exact: true }).click();
  await expect(page.getByLabel("Temperature")).toHaveValue("0.25");
  await expect(page.getByLabel("Eviction")).toHaveValue("lru");
  await page.getByLabel("Backend").selectOption("wasm");
  await page.getByLabel("Max tokens").fill("4");
  await page.locator("#prompt").fill("Once upon a time");
  await page.getByRole("button", { name: "Generate" }).click();
  await expect(page.locator("#output-ending")).toContainText("tokens");
  await page.getByText("Model, memory and numeric profile").click();
  await expect(page.getByRole("row", { name: /^Activations/ })).toContainText("int8");
  await page.getByRole("button", { name: "Reset all settings" }).click();
  await expect(page.getByLabel("Temperature")).toHaveValue("0.7");
  await expect(page.getByLabel("Activations")).toHaveValue("f32");

  await page.getByRole("button", { name: "All keys" }).click();
  await page.getByRole("checkbox", { name: /Keys of a single character/ }).uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toBeHidden();
  await page.reload();
  await page.getByRole("button", { name: "All keys" }).click();
  await expect(page.getByRole("checkbox", { name: /Keys of a single character/ })).not.toBeChecked();
});
