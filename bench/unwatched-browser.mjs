// @ts-check
/**
 * A Chromium that nobody watches. Playwright observes the network of each page, for which the page's process keeps up to
 * 200 MB of what was downloaded (Chromium's network inspector does, as long as anyone has asked it to look). Here only
 * functions are called, over the browser's debugging pipe.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { findChromium, launchOptions } from "../tools/run/browser.mjs";
import { CACHE, ROOT } from "./files.mjs";
import { PAGE_LIMIT_MS, within } from "./within.mjs";

/**
 * @typedef {import("./browser.mjs").BenchBrowser} BenchBrowser
 * @typedef {import("./browser.mjs").BenchPage} BenchPage
 *
 * @typedef {object} DebuggerEvent what the browser says unasked
 * @property {string} method
 * @property {any} params
 * @property {string} [sessionId] of the page or worker that it is about
 *
 * @typedef {object} Debugger the browser's debugger, as far as a page needs it
 * @property {string} sessionId of the page
 * @property {(method: string, params?: object, sessionId?: string) => Promise<any>} send
 * @property {(listener: (event: DebuggerEvent) => void) => void} onEvent
 */

const READY_LIMIT_MS = 30_000;

/** Chrome DevTools Protocol over two streams: JSON messages that end with a zero byte. @param {import("node:stream").Writable} to @param {import("node:stream").Readable} from */
function protocol(to, from) {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  /** @type {((event: DebuggerEvent) => void)[]} */
  const listeners = [];
  let last = 0;
  let text = "";
  let over = false;
  const ended = () => new Error("The browser has ended.");
  from.setEncoding("utf8");
  from.on("data", (data) => {
    const messages = (text + data).split("\0");
    text = messages.pop() ?? "";
    for (const message of messages) {
      const parsed = JSON.parse(message);
      const { id, result, error } = parsed;
      if (id === undefined) for (const listener of listeners) listener(parsed);
      const call = waiting.get(id);
      waiting.delete(id);
      if (error) call?.reject(new Error(error.message));
      else call?.resolve(result);
    }
  });
  from.on("close", () => {
    over = true;
    for (const { reject } of waiting.values()) reject(ended());
    waiting.clear();
  });
  to.on("error", () => undefined);
  return {
    /** @param {(event: DebuggerEvent) => void} listener */
    onEvent: (listener) => void listeners.push(listener),
    /** @param {string} method @param {object} [params] @param {string} [sessionId] @returns {Promise<any>} */
    send(method, params = {}, sessionId) {
      const id = ++last;
      return new Promise((resolve, reject) => {
        // Nobody would settle it.
        if (over) return reject(ended());
        waiting.set(id, { resolve, reject });
        to.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
      });
    },
  };
}

/**
 * A browser without history, on a profile of its own.
 * @param {string} url of the page
 * @param {Parameters<typeof launchOptions>[1]} [adapter]
 * @returns {Promise<Omit<BenchBrowser, "open"> & { open: () => Promise<BenchPage & { debugger: Debugger }> }>}
 */
export async function openUnwatchedBrowser(url, adapter = "any") {
  const { chromium } = await import("playwright");
  const found = await findChromium(ROOT);
  await mkdir(CACHE, { recursive: true });
  const profile = await mkdtemp(join(CACHE, "profile-"));
  const { args } = launchOptions(found, adapter);
  const child = spawn(
    found ?? chromium.executablePath(),
    [...args, "--headless=new", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
  );
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", resolve);
  });
  const [, , , to, from] = child.stdio;
  const { send, onEvent } = protocol(
    /** @type {import("node:stream").Writable} */ (to),
    /** @type {import("node:stream").Readable} */ (from),
  );
  const forget = async () => {
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  };
  const version = within(send("Browser.getVersion"), READY_LIMIT_MS, "Starting the browser");
  const { product } = await version.catch(async (error) => {
    child.kill("SIGKILL");
    await forget();
    throw error;
  });

  return {
    version: product,
    processId: Number(child.pid),
    async open() {
      const { targetId } = await send("Target.createTarget", { url });
      const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
      /** @param {string} expression */
      const evaluate = async (expression) => {
        const evaluation = { expression, awaitPromise: true, returnByValue: true };
        const { result, exceptionDetails } = await send("Runtime.evaluate", evaluation, sessionId);
        if (!exceptionDetails) return result.value;
        throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      };
      let isAwaited = true;
      const ready = async () => {
        while (isAwaited && !(await evaluate("globalThis.benchReady === true").catch(() => false)))
          await new Promise((resolve) => setTimeout(resolve, 50));
      };
      await within(ready(), READY_LIMIT_MS, "Opening the page").finally(() => {
        isAwaited = false;
      });
      return {
        call: (name, ...given) =>
          within(
            evaluate(`globalThis[${JSON.stringify(name)}](...${JSON.stringify(given)})`),
            PAGE_LIMIT_MS,
            name,
          ),
        close: () => send("Target.closeTarget", { targetId }),
        debugger: { sessionId, send, onEvent },
      };
    },
    async close() {
      await send("Browser.close").catch(() => undefined);
      await forget();
    },
  };
}
