import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { WebMoEError } from "../../api/errors.ts";
import { loadCore } from "../../wasm/core.testing.ts";
import type { Core } from "../../wasm/core.ts";
import { fakeServer } from "../fixtures.testing.ts";
import { type OpenedModel, openModel } from "../identity.ts";
import { headerKey } from "../segments.ts";
import { createMemoryStore } from "../store/memory.ts";
import { openFileSource } from "./node-file.ts";
import type { ModelInput } from "./open.ts";
import { fileNameOfUrl, parseSplitName, siblingUrl } from "./split.ts";

/** Byte 0 says of how many files the model is, in this test's make-believe header. */
const split = (count: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: 1000 }, () => count);
const URLS = [1, 2, 3].map((part) => `https://a.example/m/moe-0000${part}-of-00003.gguf?key=a%2Fb`);

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

function open(input: ModelInput, server = fakeServer(split(3)), store = createMemoryStore()) {
  return openModel(input, {
    ...server,
    store,
    core,
    splitCount: async (file, signal) => (await file.read(0, 1, signal))[0]!,
  });
}

const names = ({ files }: OpenedModel): string[] => files.map(({ name }) => name);

test("names of parts count from 1 and agree in everything else", () => {
  expect(parseSplitName("moe-00002-of-00003.gguf")).toEqual({
    count: 3,
    index: 1,
    names: ["moe-00001-of-00003.gguf", "moe-00002-of-00003.gguf", "moe-00003-of-00003.gguf"],
  });
  for (const other of [
    "moe.gguf",
    "moe-00004-of-00003.gguf",
    "moe-00000-of-00003.gguf",
    "moe-00001-of-00001.gguf",
    "moe-00001-of-99999.gguf",
    "moe-1-of-3.gguf",
  ])
    expect(parseSplitName(other)).toBeUndefined();
});

test("a sibling's address keeps folder and query, and names are encoded", () => {
  const url = "https://a.example/m%20x/a%20b-00001-of-00002.gguf?download=true";
  expect(fileNameOfUrl(url)).toBe("a b-00001-of-00002.gguf");
  expect(siblingUrl(url, "a b-00002-of-00002.gguf")).toBe(
    "https://a.example/m%20x/a%20b-00002-of-00002.gguf?download=true",
  );
  expect(fileNameOfUrl("https://a.example/%E0%A4%A.gguf")).toBeUndefined();
  expect(fileNameOfUrl("blob:https://a.example/00001-of-00002.gguf")).toBeUndefined();
});

describe("one part of a split model", () => {
  test.each([0, 1, 2])("finds the others by URL, whichever it is (%d)", async (given) => {
    const server = fakeServer(split(3));
    expect(names(await open(URLS[given]!, server))).toEqual(URLS);
    expect(server.requests).toHaveLength(3);
  });

  test("is the same model in the store as the list of all, and is used without a request", async () => {
    const store = createMemoryStore();
    const all = await open(URLS, undefined, store);
    await store.putModel({
      key: all.key,
      name: "",
      validators: all.files.map(({ validator }) => validator),
      fileBytes: all.files.map(({ size }) => size),
      storableParts: 0,
      storableBytes: 0,
      lastUsed: 0,
    });
    const bytes = split(3);
    const headers = URLS.map(
      (_, i) => [headerKey(all.key, i), { bytes, checksum: core.checksum(bytes) }] as const,
    );
    await store.putParts(headers);
    const offline = fakeServer(split(3));
    const again = await open(URLS[1]!, offline, store);
    expect(again.key).toBe(all.key);
    expect(names(again)).toEqual(URLS);
    expect(offline.requests).toEqual([]);
  });

  test("whose others are missing is a network error that names the part and its address", async () => {
    const server = fakeServer(split(3));
    server.intercept = ({ url }) => (url === URLS[1] ? new Response(null, { status: 404 }) : undefined);
    const error = await open(URLS[0]!, server).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(WebMoEError);
    expect(error).toMatchObject({ code: "network" });
    expect((error as Error).message).toContain("Part 2 of 3");
    expect((error as Error).message).toContain(URLS[1]);
  });

  test("finds the others on disk, and names the path that is missing", async () => {
    const directory = await mkdtemp(join(tmpdir(), "webmoe-"));
    const paths = [1, 2].map((part) => join(directory, `moe-0000${part}-of-00002.gguf`));
    try {
      await writeFile(paths[1]!, split(2));
      await expect(open(await openFileSource(paths[1]!))).rejects.toMatchObject({
        code: "invalid-argument",
        message: expect.stringContaining(paths[0]!),
      });
      await writeFile(paths[0]!, split(2));
      const model = await open(await openFileSource(paths[1]!));
      expect(names(model)).toEqual(paths);
      model.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

test("a lone file with the name of a part is opened alone", async () => {
  const server = fakeServer(split(1));
  expect(names(await open(URLS[0]!, server))).toEqual([URLS[0]]);
  expect(server.requests).toHaveLength(1);
});

test("a file whose header cannot be read is closed, and its error kept", async () => {
  let closed = 0;
  const source = await openFileSource("package.json");
  const file = {
    ...source,
    folder: {
      fileName: "moe-00001-of-00002.gguf",
      file: (name: string) => ({ name, identity: name, remote: false, open: () => expect.fail(name) }),
    },
    close() {
      closed++;
      source.close?.();
    },
  };
  const failing = openModel(file, {
    store: createMemoryStore(),
    core,
    splitCount: () => Promise.reject(new WebMoEError("bad-gguf", "no header")),
  });
  await expect(failing).rejects.toMatchObject({ code: "bad-gguf" });
  expect(closed).toBe(1);
});
