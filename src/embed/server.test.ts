import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { modelBytes } from "./server.ts";

const { signal } = new AbortController();
let answers: Readonly<Record<string, Response>>;

beforeEach(() => {
  vi.stubGlobal("document", new EventTarget());
  vi.stubGlobal(
    "fetch",
    async (url: string) => answers[new URL(url).pathname] ?? new Response(null, { status: 404 }),
  );
});
afterEach(() => vi.unstubAllGlobals());

const sized = (bytes: number, more: Record<string, string> = {}): Response =>
  new Response(null, { headers: { "Content-Length": String(bytes), ...more } });

it("sums the parts of a split model, whichever of them is named", async () => {
  answers = {
    "/m-00001-of-00003.gguf": sized(5),
    "/m-00002-of-00003.gguf": sized(7),
    "/m-00003-of-00003.gguf": sized(1),
  };
  expect(await modelBytes("https://a.example/m-00002-of-00003.gguf?key=1", signal)).toBe(13);
});

it("knows no size where a part has none, the server does not say, or what it says is that of compressed bytes", async () => {
  answers = {
    "/m-00001-of-00002.gguf": sized(5),
    "/silent.gguf": new Response(),
    "/no-head.gguf": new Response(null, { status: 405 }),
    "/signed-for-get.gguf": new Response(null, { status: 403 }),
    "/packed.gguf": sized(5, { "Content-Encoding": "gzip" }),
  };
  for (const name of ["m-00001-of-00002", "silent", "no-head", "signed-for-get", "packed"])
    expect(await modelBytes(`https://a.example/${name}.gguf`, signal), name).toBeUndefined();
});

it("asks nobody about an address that is not of the web", async () => {
  answers = {};
  for (const url of ["hf:org/repo/m.gguf", "hf:org/repo/m-00001-of-00002.gguf", "imported:0123456789abcdef"])
    expect(await modelBytes(url, signal), url).toBeUndefined();
});

it("says which answer keeps a model from being read", async () => {
  answers = {};
  await expect(modelBytes("https://a.example/m.gguf", signal)).rejects.toMatchObject({
    code: "network",
    message: expect.stringContaining("HTTP 404"),
  });
});
