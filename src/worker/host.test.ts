import { expose, proxy, wrap } from "comlink";
import { afterEach, expect, test } from "vitest";
import { WebMoEError } from "../api/errors.ts";
import type { Model } from "../api/model.ts";
import type { GenerateOptions, LoadOptions } from "../api/options.ts";
import { carryErrors } from "./errors.ts";
import { engineHost } from "./host.ts";
import type { EngineHost, WireSource } from "./protocol.ts";

carryErrors();

const RESULT = {
  reason: "max-tokens",
  promptTokens: 1,
  reusedTokens: 0,
  generatedTokens: 1,
  firstTokenSeconds: 0,
} as const;

/** A model that says a token every turn of the event loop until it is told to stop. */
const model = {
  info: { name: "fake" },
  async *generate(prompt: unknown, { signal, maxTokens = 1e9 }: GenerateOptions = {}) {
    for (let id = 0; id < maxTokens; id++) {
      await new Promise((resolve) => setTimeout(resolve));
      if (signal?.aborted) throw new WebMoEError("aborted", "stopped");
      yield { id, text: String(prompt) };
    }
    return RESULT;
  },
  async evaluate() {
    throw new WebMoEError("context-full", "too long");
  },
  async trace() {
    return { read: async () => Uint8Array.of(1), stop: async () => Uint8Array.of(2, 3) };
  },
  async tokenize() {
    throw new RangeError("not ours");
  },
} as unknown as Model;

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

/** The host behind a real message channel, as the page sees it. */
async function hostOver(load: (source: WireSource, options: LoadOptions) => Promise<Model>) {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  expose(engineHost(load), port1);
  return wrap<EngineHost>(port2);
}

async function loadedHost() {
  const host = await hostOver(async () => model);
  await host.load(
    1,
    "model.gguf",
    {},
    undefined,
    proxy(() => undefined),
  );
  return host;
}

test("an error crosses with class, code and message; a foreign one as it is", async () => {
  const host = await loadedHost();
  const error = await host.evaluate(2, Uint32Array.of(1)).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(WebMoEError);
  expect(error).toMatchObject({ name: "WebMoEError", code: "context-full", message: "too long" });
  await expect(host.tokenize("x", {})).rejects.toMatchObject({ message: "not ours" });
  await expect(host.tokenize("x", {})).rejects.not.toBeInstanceOf(WebMoEError);
});

test("a generation is handed out in batches and its result comes with the last", async () => {
  const host = await loadedHost();
  await host.start(2, "hi", { maxTokens: 50 });
  const ids: number[] = [];
  for (;;) {
    const { tokens, result } = await host.next(2);
    ids.push(...tokens.map((token) => token.id));
    if (result) {
      expect(result).toEqual(RESULT);
      break;
    }
  }
  expect(ids).toEqual(Array.from({ length: 50 }, (_, i) => i));
  await expect(host.next(2)).rejects.toMatchObject({ code: "aborted" });
});

test("cancel ends the generation it names and no other", async () => {
  const host = await loadedHost();
  await host.start(2, "one", {});
  await host.start(3, "two", { maxTokens: 200 });
  await host.cancel(2);
  const drain = async (call: number): Promise<number> => {
    for (let count = 0; ; ) {
      const { tokens, result } = await host.next(call);
      count += tokens.length;
      if (result) return count;
    }
  };
  await expect(drain(2)).rejects.toMatchObject({ code: "aborted" });
  expect(await drain(3)).toBe(200);
});

test("a trace crosses as its bytes, and none comes before one was started", async () => {
  const host = await loadedHost();
  await expect(host.stopTrace()).rejects.toMatchObject({ code: "invalid-argument" });
  await host.startTrace({});
  expect(await host.readTrace()).toEqual(Uint8Array.of(1));
  expect(await host.stopTrace()).toEqual(Uint8Array.of(2, 3));
});

test("a load can be cancelled, and nothing works before one has succeeded", async () => {
  const host = await hostOver(
    (_source, { signal }) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(new WebMoEError("aborted", "stopped")));
      }),
  );
  const loading = host.load(
    1,
    "model.gguf",
    {},
    undefined,
    proxy(() => undefined),
  );
  await host.cancel(1);
  await expect(loading).rejects.toMatchObject({ code: "aborted" });
  await expect(host.stats()).rejects.toMatchObject({ code: "invalid-argument" });
});
