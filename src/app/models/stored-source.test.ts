import { expect, it } from "vitest";
import type { StoredModelInfo } from "../../index.ts";
import { storedFrom } from "./stored-source.ts";

const kept = (source: StoredModelInfo["source"], outdated = false): StoredModelInfo => ({
  key: String(source),
  name: "moe",
  source,
  files: [],
  storedBytes: 1,
  storableBytes: 1,
  complete: true,
  lastUsed: 0,
  outdated,
  inUse: false,
});

it("finds a stored model by its address, with or without the Hub's main revision, and by all files of a split one", () => {
  const hub = kept("hf:org/repo@main/moe.gguf");
  const web = kept("https://example.org/moe.gguf");
  const split = kept(["https://example.org/a.gguf", "https://example.org/b.gguf"]);
  const stored = [kept(undefined), hub, web, split];
  expect(storedFrom("hf:org/repo/moe.gguf", stored)).toBe(hub);
  expect(storedFrom("hf://org/repo@main/moe.gguf", stored)).toBe(hub);
  expect(storedFrom("hf:org/repo@v2/moe.gguf", stored)).toBeUndefined();
  expect(storedFrom("https://example.org/moe.gguf", stored)).toBe(web);
  expect(storedFrom(split.source!, stored)).toBe(split);
  expect(storedFrom("https://example.org/a.gguf", stored)).toBeUndefined();
  expect(storedFrom(web.source!, [kept(web.source, true)])).toBeUndefined();
});
