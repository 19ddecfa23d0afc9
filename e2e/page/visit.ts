/** The built page as its tests meet it. */
import type { Locator, Page, Request } from "@playwright/test";
import { test as base, expect, type Served } from "../serve/fixtures.ts";

/** Whatever a page complains about on its console, or throws, fails the test that opened it. */
export const test = base.extend<{ complaints: string[] }>({
  complaints: [
    async ({ page }, use) => {
      const heard: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") heard.push(`${message.text()} (${message.location().url})`);
      });
      page.on("pageerror", (error) => heard.push(String(error)));
      await use(heard);
      expect(heard).toEqual([]);
    },
    { auto: true },
  ],
});
export { expect, type Served };

export interface Visit {
  output: Locator;
  /** What the model wrote, without the prompt. */
  written: Locator;
  /** How the generation ended: tokens, reason, seed. */
  ending: Locator;
  generate: Locator;
  stop: Locator;
  /** Requests for model bytes since the page was opened. */
  modelRequests(): number;
}

export interface Setup {
  backend?: "wasm" | "webgpu";
  maxTokens?: number;
  /** Fixed by default: with some, a model ends its text before `maxTokens`. */
  seed?: number;
}

/**
 * Makes tokens come slowly, from the next visit on: what the engine says arrives late, and it waits for its reader. The
 * demo model is too fast to be met half way from here.
 */
export async function slowDown(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const listen = Worker.prototype.addEventListener;
    Worker.prototype.addEventListener = function (type: string, listener: unknown, ...rest: unknown[]) {
      const late = (event: Event): unknown =>
        setTimeout(() => (listener as (event: Event) => void)(event), 250);
      const isMessage = type === "message" && typeof listener === "function";
      listen.call(this, type, (isMessage ? late : listener) as EventListener, ...(rest as []));
    };
  });
}

/** Presses Stop in the page, as soon as there is text: a fast machine is done before a click from here arrives. */
export const stopAtFirstWord = (page: Page): Promise<void> =>
  page.evaluate(() => {
    const growing = ".is-writing #output-written, .is-writing .of-assistant:last-child .turn-body";
    const observer = new MutationObserver(() => {
      if (!document.querySelector(growing)?.textContent?.trim()) return;
      observer.disconnect();
      [...document.querySelectorAll("button")].find(({ textContent }) => textContent === "Stop")!.click();
    });
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
  });

export async function visit(
  page: Page,
  site: Served,
  { backend, maxTokens = 8, seed = 7 }: Setup = {},
): Promise<Visit> {
  let requests = 0;
  const count = (request: Request): void => {
    if (request.url().includes(".gguf")) requests++;
  };
  // Requests of the page's worker are the context's.
  page.context().on("request", count);
  await page.goto(site.url);
  const settings = page.getByText("Settings", { exact: true });
  await settings.click();
  if (backend) await page.getByLabel("Backend").selectOption(backend);
  await page.getByLabel("Max tokens").fill(String(maxTokens));
  await page.getByLabel("Seed").fill(String(seed));
  await settings.click();
  const output = page.getByRole("region", { name: "Output" });
  return {
    output,
    written: output.locator("#output-written"),
    ending: page.locator("#output-ending"),
    generate: page.getByRole("button", { name: "Generate" }),
    stop: page.getByRole("button", { name: "Stop" }),
    modelRequests: () => requests,
  };
}
