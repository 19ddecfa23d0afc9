/** What the page says of the device and of itself: what is, and what to do. */
import type { Page } from "@playwright/test";
import { expect, test, visit } from "./page/visit.ts";

const STORY = "Once upon a time, there was a little dog named Max.";
const notice = (page: Page, headline: string) =>
  page.getByRole("status").locator(".notice", { hasText: headline });

test("without WebGPU, offline, and with another tab open, the page says so and works", async ({
  page,
  site,
  context,
}) => {
  await page.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, "gpu", { get: () => undefined });
  });
  const { generate, ending } = await visit(page, site);
  await expect(notice(page, "This browser has no WebGPU.")).toContainText("Newer versions of Chrome");
  await expect(notice(page, "another tab")).toBeHidden();
  await page.getByLabel("Prompt").fill(STORY);
  await generate.click();
  await expect(ending).toContainText("8 tokens");
  await expect(page.locator("#figure-offline")).toHaveText(/^100\s%$/);

  const second = await context.newPage();
  const other = await visit(second, site, { backend: "wasm" });
  await expect(notice(second, "WebMoE is open in another tab.")).toContainText("close one");
  await second.getByLabel("Prompt").fill(STORY);
  await other.generate.click();
  await expect(other.ending).toContainText("8 tokens");
  await page.close();
  await expect(notice(second, "another tab")).toBeHidden();

  await context.setOffline(true);
  await expect(notice(second, "You are offline.")).toContainText("stored whole go on working");
  await second.getByText("Settings", { exact: true }).click();
  await second.getByLabel("Seed").fill("8");
  await other.generate.click();
  await expect(other.ending).toContainText("8 tokens, reached max tokens. Seed 8.");
  await context.setOffline(false);
  await expect(notice(second, "You are offline.")).toBeHidden();
});

test("a store with too little room is said, with what is missing", async ({ page, site, context }) => {
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", {
    origin: new URL(site.url).origin,
    quotaSize: 3_000_000,
  });
  const { generate, ending } = await visit(page, site, { backend: "wasm" });
  await page.getByLabel("Prompt").fill(STORY);
  await generate.click();
  await expect(ending).toContainText("8 tokens");
  const little = notice(page, "There is too little room to store this model.");
  await expect(little).toContainText(
    /(left for this site|refuses to store more); demo-moe needs [\d.]+\sMB\. It runs/,
  );
  await little.getByRole("button", { name: "Dismiss" }).click();
  await expect(little).toBeHidden();
});

test("where nothing can be stored, a conversation works and the page says that it will be gone", async ({
  page,
  site,
}) => {
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("A mutation operation was attempted on a closed window.", "SecurityError");
    };
    LockManager.prototype.request = async () => {
      throw new DOMException("Access to the Locks API is denied in this context.", "SecurityError");
    };
  });
  await visit(page, site, { backend: "wasm", maxTokens: 8 });
  await expect(notice(page, "This window keeps nothing.")).toContainText("open the page in a normal window");
  await page.getByRole("radio", { name: "Chat" }).check();
  await page.getByLabel("Message", { exact: true }).fill("Who are you?");
  await page.getByRole("button", { name: "Send" }).click();
  await expect(page.locator(".of-assistant .turn-foot p")).toContainText("tokens");
  await page.getByRole("button", { name: "New", exact: true }).click();
  await expect(page.getByLabel("Conversation", { exact: true }).locator("option")).toHaveCount(2);
});

/**
 * Runs before the worker's script: when the page says so, takes its device away, and leaves the next one no room for as
 * many experts.
 */
const FAILING_GPU = `{
  const devices = [];
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  };
  let [isFull, holdsExperts] = [false, false];
  const scopes = [];
  const { createBuffer, pushErrorScope, popErrorScope } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    holdsExperts ||= descriptor.label?.startsWith("experts ") ?? false;
    return createBuffer.call(this, descriptor);
  };
  GPUDevice.prototype.pushErrorScope = function (filter) {
    scopes.push(filter);
    holdsExperts = false;
    pushErrorScope.call(this, filter);
  };
  GPUDevice.prototype.popErrorScope = async function () {
    const fails = scopes.pop() === "out-of-memory" && holdsExperts && isFull;
    if (fails) isFull = false;
    const error = await popErrorScope.call(this);
    return fails ? new GPUOutOfMemoryError("no room") : error;
  };
  new BroadcastChannel("gpu").onmessage = () => {
    isFull = true;
    devices.at(-1).destroy();
  };
}`;

test.describe("on a GPU", () => {
  // Its requests are out of a test's reach.
  test.use({ serviceWorkers: "block" });

  test("a GPU that is lost, and one that then has less room, are told of, and the text goes on", async ({
    page,
    site,
  }) => {
    let wasExchanged = false;
    await page.route(/assets\/worker-.*\.js$/, async (route) => {
      wasExchanged = true;
      const response = await route.fetch();
      await route.fulfill({ response, body: `${FAILING_GPU}\n${await response.text()}` });
    });
    const { generate, ending, written } = await visit(page, site, { backend: "webgpu", maxTokens: 12 });
    await page.getByLabel("Prompt").fill(STORY);
    await generate.click();
    await expect(written).not.toBeEmpty();
    expect(wasExchanged).toBe(true);
    await page.evaluate(() => new BroadcastChannel("gpu").postMessage("lost"));
    await expect(notice(page, "The GPU was lost, and is in use again.")).toContainText(
      "the words that it would",
    );
    await expect(notice(page, "The device ran out of memory.")).toContainText(
      /Experts have [\d.]+\sMB on it from now on/,
    );
    await expect(ending).toContainText("12 tokens");
    await expect(page.locator("#model-line")).toContainText("WebGPU");
  });
});
