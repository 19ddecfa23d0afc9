// @ts-check
/** One Chromium on a profile of its own: stores live on the disk as a visitor's do, and its processes can be found. */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findChromium, launchOptions } from "../tools/run/browser.mjs";
import { serveStatic } from "../tools/run/static-server.mjs";
import { CACHE, ROOT } from "./files.mjs";
import { processWithArgument } from "./processes.mjs";
import { PAGE_LIMIT_MS, within } from "./within.mjs";

/**
 * @typedef {object} BenchBrowser
 * @property {string} version
 * @property {number} processId of the browser's first process
 * @property {() => Promise<BenchPage>} open a page with the engines, isolated so that memory may be shared
 * @property {() => Promise<void>} close and forget the profile
 *
 * @typedef {object} BenchPage
 * @property {(name: string, ...args: unknown[]) => Promise<any>} call one of the page's functions
 * @property {() => Promise<import("playwright").CDPSession>} [inspect] where the browser is driven by Playwright
 * @property {() => Promise<void>} close
 */

/** Serves the page, the engines and the models. @param {readonly { path: string }[]} files @param {string} library its folder */
export async function serveBench(files, library = join(CACHE, "lib")) {
  const folders = new Map(files.map(({ path }) => [join(path, ".."), path]));
  const models = Object.fromEntries([...folders.keys()].map((folder, i) => [`/models/${i}/`, folder]));
  const site = await serveStatic({
    root: {
      "/": fileURLToPath(new URL("page", import.meta.url)),
      "/lib/": library,
      "/kernels/": join(CACHE, "kernels"),
      "/wllama/": join(ROOT, "bench", "node_modules", "@wllama", "wllama", "esm"),
      ...models,
    },
    // wllama starts its worker from a Blob.
    headers: { "Content-Security-Policy": "worker-src 'self' blob:" },
    isolated: true,
  });
  const prefixes = [...folders.keys()];
  return {
    ...site,
    /** URL of a model, relative to the page. @param {string} path */
    urlOf: (path) => `models/${prefixes.indexOf(join(path, ".."))}/${path.slice(path.lastIndexOf("/") + 1)}`,
  };
}

/** @param {string} url of the page @returns {Promise<BenchBrowser>} */
export async function openBrowser(url) {
  const { chromium } = await import("playwright");
  await mkdir(CACHE, { recursive: true });
  const profile = await mkdtemp(join(CACHE, "profile-"));
  const context = await chromium.launchPersistentContext(
    profile,
    launchOptions(await findChromium(ROOT), "any"),
  );
  context.setDefaultTimeout(PAGE_LIMIT_MS);
  const processId = await processWithArgument(`--user-data-dir=${profile}`);
  if (processId === undefined) throw new Error("The browser's process was not found.");
  const cdp = await context.newCDPSession(context.pages()[0] ?? (await context.newPage()));
  const { product } = await cdp.send("Browser.getVersion");
  await cdp.detach();
  return {
    version: product,
    processId,
    async open() {
      const page = await context.newPage();
      /** @type {string[]} */
      const complaints = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      await page.goto(url);
      await page.waitForFunction("globalThis.benchReady === true", undefined, { timeout: 30_000 });
      return {
        async call(name, ...args) {
          try {
            const answer = page.evaluate(
              ([which, given]) => /** @type {any} */ (globalThis)[which](...given),
              /** @type {[string, unknown[]]} */ ([name, args]),
            );
            return await within(answer, PAGE_LIMIT_MS, name);
          } catch (error) {
            const message = error instanceof Error ? error.message : String(error);
            throw new Error([message, ...complaints].join("\n"));
          }
        },
        inspect: () => context.newCDPSession(page),
        close: () => page.close(),
      };
    },
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
