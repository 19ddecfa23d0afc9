/**
 * The script tag as another site has it: the page on one port, the script on a second, the model on a third, with
 * subresource integrity and a strict policy; and what it says when one of them is in the way.
 */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type Page } from "@playwright/test";
import { integrity } from "../tools/release/hashes.mjs";
import { serveStatic } from "../tools/run/static-server.mjs";
import type { Served } from "./serve/site.ts";
import { type Behaviour, type ModelServer, startModelServer } from "./servers/model-server.ts";

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const MODEL = "demo-moe-q4_k.gguf";
/** A prompt, and how llama.cpp goes on with the model's exact twin. */
const story: { text: string; ids: readonly number[] } = JSON.parse(
  readFileSync(at("tools/conformance/golden/embedded.json"), "utf8"),
).cases.find(({ name }: { name: string }) => name === "story");

const FALLBACK = "The chat cannot run here.";

interface Content {
  readonly policy: string;
  readonly body: string;
  /** Sends COOP and COEP. */
  readonly isolated?: boolean;
}

/** Another site: `page` gives the address of a page with this content. */
interface Host extends Served {
  page(content: Content): string;
}

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

async function serveHost(): Promise<Host> {
  const pages = new Map<string, Content>();
  const server = createServer((request, response) => {
    const page = pages.get(request.url ?? "");
    if (!page) return response.writeHead(404).end();
    return response
      .writeHead(200, {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": page.policy,
        ...(page.isolated ? ISOLATION : {}),
      })
      .end(
        `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
          `<meta name="color-scheme" content="light dark">` +
          `<title>A site</title><link rel="icon" href="data:,"><main><h1>A site</h1>${page.body}</main></html>`,
      );
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}/`,
    port,
    page(content) {
      const path = `/${pages.size}`;
      pages.set(path, content);
      return `http://localhost:${port}${path}`;
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

type Server = Pick<Served, "url">;

const OPEN = { "Access-Control-Allow-Origin": "*" };

const test = base.extend<
  Record<never, never>,
  { sites: { host: Host; scripts: Served; models: Served; closedScripts: Served; closedModels: Served } }
>({
  sites: [
    async ({ browserName: _ }, use) => {
      const host = await serveHost();
      const [scripts, models, closedScripts, closedModels] = await Promise.all([
        serveStatic({ root: at("dist/embed"), headers: OPEN }),
        serveStatic({ root: at("public/models"), headers: OPEN }),
        serveStatic({ root: at("dist/embed") }),
        serveStatic({ root: at("public/models") }),
      ]);
      await use({ host, scripts, models, closedScripts, closedModels });
      for (const server of [host, scripts, models, closedScripts, closedModels]) await server.close();
    },
    { scope: "worker" },
  ],
});

const integrityOf = async (name: string): Promise<string> =>
  integrity(await readFile(at(`dist/embed/${name}`)));

/** The strictest policy that is enough, but for directives given otherwise. */
function policy(scripts: Server, models: Server, other: Record<string, string> = {}): string {
  const directives = {
    "default-src": "'none'",
    "img-src": "data:",
    "script-src": `${new URL(scripts.url).origin} 'wasm-unsafe-eval'`,
    "worker-src": "blob:",
    "connect-src": new URL(models.url).origin,
    ...other,
  };
  return Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join("; ");
}

const chat = (models: Server, attributes = ""): string =>
  `<webmoe-chat model="${models.url}${MODEL}" ${attributes}><p>${FALLBACK}</p></webmoe-chat>`;

const script = (scripts: Server, hash: string, name = "webmoe-embed.js", type = ' type="module"'): string =>
  `<script${type} src="${scripts.url}${name}" integrity="${hash}" crossorigin></script>`;

/** What the browser complains of. */
function complaints(page: Page): string[] {
  const seen: string[] = [];
  page.on("console", (message) => message.type() === "error" && seen.push(message.text()));
  page.on("pageerror", (error) => seen.push(String(error)));
  return seen;
}

test("a chat from another origin names its size, downloads nothing before a click, and answers under a strict policy", async ({
  page,
  sites: { host, scripts, models },
}) => {
  const seen = complaints(page);
  const downloads: string[] = [];
  page.context().on("request", (request) => {
    if (request.url().startsWith(models.url) && request.method() === "GET") downloads.push(request.url());
  });
  await page.setViewportSize({ width: 360, height: 720 });
  await page.goto(
    host.page({
      policy: policy(scripts, models),
      body: `${script(scripts, await integrityOf("webmoe-embed.js"))}${chat(models, 'system="Be kind." budget="50%"')}`,
    }),
  );
  const start = page.getByRole("button", { name: "Start the chat (14.3 MB)" });
  await expect(start).toBeVisible();
  await expect(page.getByText(FALLBACK)).toBeHidden();
  await page.evaluate(() => {
    const events: [string, unknown][] = [];
    for (const type of ["webmoe-progress", "webmoe-message", "webmoe-error"])
      document.body.addEventListener(type, (event) => events.push([type, (event as CustomEvent).detail]));
    Object.assign(window, { events });
  });
  expect(downloads).toEqual([]);

  await start.click();
  const input = page.getByRole("textbox", { name: "Message" });
  await expect(input).toBeFocused();
  await input.fill("Tell me a story about a dragon.");
  await input.press("Enter");
  await expect(page.getByRole("button", { name: "New chat" })).toBeVisible();
  const answer = page.locator("webmoe-chat").locator('[part~="assistant-message"] [part="message-body"]');
  await expect(answer).toHaveText(/\w+ \w+ \w+/);

  const events = await page.evaluate(() => (window as unknown as { events: [string, unknown][] }).events);
  const messages = events.filter(([type]) => type === "webmoe-message").map(([, detail]) => detail);
  expect(messages).toEqual([
    { role: "user", content: "Tell me a story about a dragon." },
    { role: "assistant", content: expect.stringMatching(/\w+ \w+/) },
  ]);
  expect(events.some(([type]) => type === "webmoe-progress")).toBe(true);
  expect(events.some(([type]) => type === "webmoe-error")).toBe(false);

  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const background = await page
      .locator('webmoe-chat [part="frame"]')
      .evaluate((e) => getComputedStyle(e).backgroundColor);
    expect(background).toBe(colorScheme === "light" ? "rgb(255, 255, 255)" : "rgb(27, 29, 33)");
    expect((await new AxeBuilder({ page }).include("webmoe-chat").analyze()).violations).toEqual([]);
  }
  expect(seen).toEqual([]);
});

test("a classic script leaves window.WebMoE, which generates under the same policy, on threads if isolated", async ({
  page,
  sites: { host, scripts, models },
}) => {
  const name = "webmoe-embed.classic.js";
  const body = script(scripts, await integrityOf(name), name, "");
  for (const isolated of [false, true]) {
    await page.goto(host.page({ policy: policy(scripts, models), body, isolated }));
    const said = await page.evaluate(
      async ({ url, prompt }) => {
        const { WebMoE } = window as unknown as { WebMoE: typeof import("../src/embed/classic.ts").default };
        const model = await WebMoE.load(url, { store: "memory", threads: 2 });
        const ids: number[] = [];
        for await (const { id } of model.generate(prompt, { temperature: 0, maxTokens: 12 })) ids.push(id);
        await model.dispose();
        return { ids, threads: model.info.threads };
      },
      { url: `${models.url}${MODEL}`, prompt: story.text },
    );
    expect(said.ids).toEqual(story.ids.slice(0, 12));
    expect(said.threads).toBe(isolated ? 2 : 1);
  }
});

test("what blocks the script leaves the page's own words, and what blocks the chat is named", async ({
  page,
  sites: { host, scripts, models, closedScripts, closedModels },
}) => {
  const hash = await integrityOf("webmoe-embed.js");
  const seen = complaints(page);
  const open = (body: string, rules: string) => page.goto(host.page({ policy: rules, body }));
  const alert = page.locator("webmoe-chat").getByRole("alert");
  const click = () => page.getByRole("button", { name: "Start the chat" }).click();

  const wrongHash = hash.replace(/.{8}$/, "AAAAAAAA");
  await open(script(scripts, wrongHash) + chat(models), policy(scripts, models));
  await expect(page.getByText(FALLBACK)).toBeVisible();
  await expect.poll(() => seen.join("\n")).toContain("integrity");

  seen.length = 0;
  await open(script(scripts, hash) + chat(models), policy(scripts, models, { "script-src": "'self'" }));
  await expect(page.getByText(FALLBACK)).toBeVisible();
  await expect.poll(() => seen.join("\n")).toContain("script-src");

  seen.length = 0;
  await open(script(closedScripts, hash) + chat(models), policy(closedScripts, models));
  await expect(page.getByText(FALLBACK)).toBeVisible();
  await expect.poll(() => seen.join("\n")).toContain("CORS");

  const noWasm = policy(scripts, models, { "script-src": new URL(scripts.url).origin });
  await open(script(scripts, hash) + chat(models), noWasm);
  await click();
  await expect(alert).toContainText("script-src 'wasm-unsafe-eval'");

  await open(script(scripts, hash) + chat(models), policy(scripts, models, { "worker-src": "'none'" }));
  await click();
  await expect(alert).toContainText("worker-src blob:");

  await open(script(scripts, hash) + chat(models), policy(scripts, models, { "connect-src": "'self'" }));
  await expect(alert).toContainText(`connect-src ${new URL(models.url).origin}`);

  await open(script(scripts, hash) + chat(closedModels), policy(scripts, closedModels));
  await expect(alert).toContainText("Access-Control-Allow-Origin");

  const missing = { ...models, url: `${models.url}no-` };
  await open(script(scripts, hash) + chat(missing), policy(scripts, models));
  await expect(alert).toContainText("HTTP 404");
});

/** A server of the model that the test may stop, or have behave otherwise. */
async function withModelServer(run: (server: ModelServer) => Promise<void>): Promise<void> {
  const server = await startModelServer(await readFile(at(`public/models/${MODEL}`)));
  try {
    await run(server);
  } finally {
    await server.close();
  }
}

test("a stored model is opened and answers while its server is stopped", async ({
  page,
  sites: { host, scripts },
}) => {
  await withModelServer(async (server) => {
    const name = "webmoe-embed.classic.js";
    await page.goto(
      host.page({
        policy: policy(scripts, server),
        body: script(scripts, await integrityOf(name), name, "") + chat(server),
      }),
    );
    await page.evaluate(async (url) => {
      const { WebMoE } = window as unknown as { WebMoE: typeof import("../src/embed/classic.ts").default };
      const model = await WebMoE.load(url);
      const isStored = async (): Promise<boolean> => {
        const { storedBytes, storableBytes } = await model.stats();
        return storedBytes === storableBytes;
      };
      while (!(await isStored())) await new Promise((wake) => setTimeout(wake, 100));
      await model.dispose();
    }, `${server.url}${MODEL}`);

    await server.close();
    await page.reload();
    await expect(page.locator("webmoe-chat").getByRole("alert")).toContainText("could not be reached");
    await page.getByRole("button", { name: "Start the chat" }).click();
    const input = page.getByRole("textbox", { name: "Message" });
    await input.fill("Tell me a story about a dragon.");
    await input.press("Enter");
    const answer = page.locator("webmoe-chat").locator('[part~="assistant-message"] [part="message-body"]');
    await expect(answer).toHaveText(/\w+ \w+ \w+/);
  });
});

test("a server that refuses HEAD, or never answers it, still gives the model", async ({
  page,
  sites: { host, scripts },
}) => {
  const hash = await integrityOf("webmoe-embed.js");
  const refused: Behaviour = { status: 403 };
  const unanswered: Behaviour = { delay: 120_000 };
  for (const ofHead of [refused, unanswered]) {
    await withModelServer(async (server) => {
      server.reset(({ method }) => (method === "HEAD" ? ofHead : undefined));
      await page.goto(
        host.page({ policy: policy(scripts, server), body: script(scripts, hash) + chat(server) }),
      );
      await expect.poll(() => server.requests[0]?.method).toBe("HEAD");
      await page.getByRole("button", { name: "Start the chat" }).click();
      await expect(page.getByRole("textbox", { name: "Message" })).toBeVisible();
      await expect(page.locator("webmoe-chat").getByRole("alert")).toBeHidden();
    });
  }
});

test("a file on the Hub is offered without a size, and its address reaches the engine as it is written", async ({
  page,
  sites: { host, scripts, models },
}) => {
  const address = "hf:org/repo/../model.gguf";
  const body = `${script(scripts, await integrityOf("webmoe-embed.js"))}<webmoe-chat model="${address}"></webmoe-chat>`;
  await page.goto(host.page({ policy: policy(scripts, models), body }));
  await expect(page.getByText("Its size is not known.")).toBeVisible();
  await page.getByRole("button", { name: "Start the chat" }).click();
  // What the engine says of a way up, which URL would have followed.
  await expect(page.locator("webmoe-chat").getByRole("alert")).toContainText(`"${address}"`);
});
