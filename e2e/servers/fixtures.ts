/** Two models of one shape, a server that misbehaves with them, and a page that uses the built library. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test as base, type Page } from "@playwright/test";
import type { LoadOptions } from "../../src/index.ts";
import { readGguf } from "../../tools/make-model/gguf-reader.mjs";
import { type MetadataValue, writeGguf } from "../../tools/make-model/gguf-writer.mjs";
import { makeModel } from "../../tools/make-model/index.mjs";
import { serveStatic } from "../../tools/run/static-server.mjs";
import { type ModelServer, startModelServer } from "./model-server.ts";

/** Prompts that need different experts. */
export const PROMPTS = {
  first: [11, 48, 85, 122, 159],
  second: Array.from({ length: 40 }, (_, i) => (i * 271 + 300) % 2048),
};
export const TOKENS = 6;

export type Prompt = keyof typeof PROMPTS;

/** A model file, and what it says. */
export interface KnownModel {
  readonly bytes: Uint8Array;
  /** The same, split in two as llama.cpp's gguf-split does it: all metadata in the first. */
  readonly parts: readonly Uint8Array[];
  readonly tokens: Readonly<Record<Prompt, readonly number[]>>;
}

/** How loading a model and writing a few tokens ended. */
export type Ending =
  | { readonly tokens: readonly number[] }
  | { readonly code: string; readonly message: string };

/** When the page fires its signal: before an answer to the last request may come, or after so many tokens. */
export type AbortAt = { readonly requests: number } | { readonly tokens: number };

export interface Visit {
  readonly prompt?: Prompt;
  readonly store?: LoadOptions["store"];
  readonly abortAt?: AbortAt;
}

export interface Client {
  /** Loads the model at the address, writes greedily, and frees it. */
  say(url: string, visit?: Visit): Promise<Ending>;
  /** Requests that loading takes from a good server: header and trunk, no expert. */
  requestsToLoad(): Promise<number>;
}

function clientOf(page: Page, server: ModelServer): Client {
  const run = async (url: string, count: number, visit: Visit): Promise<Ending> => {
    const { prompt = "first", store = "memory", abortAt } = visit;
    const options: LoadOptions = { backend: "wasm", store, completeInBackground: false };
    const ending = page.evaluate(sayInPage, { url, options, prompt: PROMPTS[prompt], count, abortAt });
    if (abortAt && "requests" in abortAt) {
      await server.received(abortAt.requests);
      await page.evaluate(() => (globalThis as unknown as { abort(): void }).abort());
    }
    return ending;
  };
  return {
    say: (url, visit = {}) => run(url, TOKENS, visit),
    async requestsToLoad() {
      server.reset();
      expect(await run(`${server.url}m.gguf`, 0, {})).toEqual({ tokens: [] });
      return server.requests.length;
    },
  };
}

interface Job {
  readonly url: string;
  readonly options: LoadOptions;
  readonly prompt: readonly number[];
  readonly count: number;
  readonly abortAt: AbortAt | undefined;
}

/** Runs in the page. */
async function sayInPage({ url, options, prompt, count, abortAt }: Job): Promise<Ending> {
  const library = new URL("lib/webmoe.js", location.href).href;
  const { WebMoE, WebMoEError } = (await import(library)) as typeof import("../../src/index.ts");
  const controller = new AbortController();
  Object.assign(globalThis, { abort: () => controller.abort() });
  const { signal } = controller;
  try {
    const model = await WebMoE.load(url, { ...options, signal });
    try {
      const tokens: number[] = [];
      if (count === 0) return { tokens };
      const settings = { maxTokens: count, temperature: 0, ignoreEos: true, signal };
      for await (const { id } of model.generate(prompt, settings)) {
        tokens.push(id);
        if (abortAt && "tokens" in abortAt && tokens.length === abortAt.tokens) controller.abort();
      }
      return { tokens };
    } finally {
      await model.dispose();
    }
  } catch (error) {
    if (error instanceof WebMoEError) return { code: error.code, message: error.message };
    return { code: "untyped", message: error instanceof Error ? String(error.stack) : String(error) };
  }
}

async function splitInTwo(path: string): Promise<Uint8Array[]> {
  const { bytes, metadata, tensors } = await readGguf(path);
  const middle = tensors.length / 2;
  const parts = [tensors.slice(0, middle), tensors.slice(middle)].map(async (own, number) => {
    const keys = new Map<string, MetadataValue>(number === 0 ? metadata : []);
    keys.set("split.no", { kind: "uint32", value: number }).set("split.count", { kind: "uint32", value: 2 });
    const out = `${path}.${number}`;
    const written = own.map((tensor) => {
      const next = Math.min(
        bytes.length,
        ...tensors.map(({ offset }) => offset).filter((at) => at > tensor.offset),
      );
      const data = bytes.subarray(tensor.offset, next);
      return { ...tensor, byteLength: data.length, data: () => data };
    });
    await writeGguf(out, keys, written);
    return readFile(out);
  });
  return Promise.all(parts);
}

/** The model of a seed, and its tokens from the Node library. */
async function knownModel(folder: string, seed: number): Promise<KnownModel> {
  const path = join(folder, `${seed}.gguf`);
  await makeModel({ shape: "b", type: "q8_0", seed, out: path });
  const library = new URL("../../dist/lib/node.js", import.meta.url).href;
  const { WebMoE } = (await import(library)) as typeof import("../../src/node.ts");
  const model = await WebMoE.load(path, { backend: "wasm" });
  const say = async (prompt: Prompt): Promise<readonly number[]> => {
    const tokens: number[] = [];
    const settings = { maxTokens: TOKENS, temperature: 0, ignoreEos: true };
    for await (const { id } of model.generate(PROMPTS[prompt], settings)) tokens.push(id);
    return tokens;
  };
  const tokens = { first: await say("first"), second: await say("second") };
  await model.dispose();
  return { bytes: await readFile(path), parts: await splitInTwo(path), tokens };
}

interface Models {
  readonly good: KnownModel;
  /** As many bytes, other weights. */
  readonly other: KnownModel;
}

export const test = base.extend<{ client: Client }, { models: Models; server: ModelServer; site: string }>({
  models: [
    async ({ browserName: _ }, use) => {
      const folder = await mkdtemp(join(tmpdir(), "webmoe-servers-"));
      const [good, other] = [await knownModel(folder, 1), await knownModel(folder, 2)];
      await rm(folder, { recursive: true });
      await use({ good, other });
    },
    { scope: "worker" },
  ],
  server: [
    async ({ models }, use) => {
      const server = await startModelServer(models.good.bytes);
      await use(server);
      await server.close();
    },
    { scope: "worker" },
  ],
  site: [
    async ({ browserName: _ }, use) => {
      const built = fileURLToPath(new URL("../../dist/lib", import.meta.url));
      if (!existsSync(`${built}/webmoe.js`))
        throw new Error("dist/lib is not built: run `npm run build` first.");
      const page = fileURLToPath(new URL("page", import.meta.url));
      const site = await serveStatic({ root: { "/": page, "/lib/": built } });
      await use(site.url);
      await site.close();
    },
    { scope: "worker" },
  ],
  // Whatever a test did to the page, the page must still load a good model and say its tokens.
  client: async ({ page, site, server, models }, use) => {
    await page.goto(site);
    const client = clientOf(page, server);
    await use(client);
    server.reset();
    expect(await client.say(`${server.url}good.gguf`)).toEqual({ tokens: models.good.tokens.first });
  },
});

export const { expect } = test;
