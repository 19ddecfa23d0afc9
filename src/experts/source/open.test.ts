import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { ModelSource } from "../../api/options.ts";
import { fakeServer } from "../fixtures.testing.ts";
import { openFileSource } from "./node-file.ts";
import { openSources, unopenedFiles } from "./open.ts";
import type { Source } from "./source.ts";

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i & 255);

test("addresses are relative to the base, and a list keeps its order", () => {
  const files = unopenedFiles(
    ["models/a.gguf", new URL("https://b.example/b.gguf#x"), new File([BYTES], "c.gguf")],
    {
      base: "https://page.example/app/index.html",
    },
  );
  expect(files.map(({ name, remote }) => [name, remote])).toEqual([
    ["https://page.example/app/models/a.gguf", true],
    ["https://b.example/b.gguf", true],
    ["c.gguf", false],
  ]);
});

test.each([[[]], ["models/a.gguf"], ["ftp://a.example/a.gguf"], [42], [null], [["https://a.example/", {}]]])(
  "%j is refused as invalid-argument",
  async (input) => {
    await expect(openSources(input as ModelSource)).rejects.toMatchObject({ code: "invalid-argument" });
  },
);

test("when one file fails to open, those that did are closed", async () => {
  const server = fakeServer(BYTES);
  server.intercept = ({ url }) => (url.endsWith("b") ? new Response(null, { status: 404 }) : undefined);
  let closed = 0;
  const [blob] = await openSources(new Blob([BYTES]));
  const open: Source = {
    ...blob!,
    close() {
      closed++;
    },
  };
  await expect(openSources([open, "https://a.example/b"], server)).rejects.toMatchObject({ code: "network" });
  expect(closed).toBe(1);
});

test("a picked file is sliced, and known by name, size and date", async () => {
  const [source] = await openSources(new File([BYTES], "moe.gguf", { lastModified: 7 }));
  expect(source).toMatchObject({ size: 1000, identity: "file:moe.gguf:1000:7", remote: false });
  expect(await source!.read(990, 10)).toEqual(BYTES.slice(990));
  await expect(source!.read(990, 11)).rejects.toMatchObject({ code: "invalid-argument" });
});

test("a picked file that can no longer be read is source-changed", async () => {
  const file = new File([BYTES], "moe.gguf");
  file.slice = () =>
    ({ arrayBuffer: () => Promise.reject(new DOMException("", "NotReadableError")) }) as Blob;
  const [source] = await openSources(file);
  await expect(source!.read(0, 10)).rejects.toMatchObject({ code: "source-changed" });
});

test("a file on disk is read in place; a shorter one is source-changed, a missing one invalid-argument", async () => {
  const directory = await mkdtemp(join(tmpdir(), "webmoe-"));
  try {
    const path = join(directory, "moe.gguf");
    await writeFile(path, BYTES);
    const source = await openFileSource(path);
    expect(await source.read(500, 250)).toEqual(BYTES.slice(500, 750));
    await truncate(path, 600);
    await expect(source.read(500, 250)).rejects.toMatchObject({ code: "source-changed" });
    source.close?.();
    await expect(openFileSource(join(directory, "none"))).rejects.toMatchObject({ code: "invalid-argument" });
  } finally {
    await rm(directory, { recursive: true });
  }
});
