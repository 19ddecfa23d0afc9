import "fake-indexeddb/auto";
import { expect, test } from "vitest";
import { fakeSite } from "../tabs/fixtures.testing.ts";
import { type FakeDirectory, fakeDirectory, measuredClock } from "./fixtures.testing.ts";
import { openIndexedDbStore } from "./indexeddb.ts";
import { createPacks } from "./packs.ts";
import type { PartStore, StoredPart } from "./store.ts";

let databases = 0;
const nextName = (): string => `packs-${databases++}`;

const part = (...bytes: number[]): StoredPart => ({
  bytes: Uint8Array.from(bytes),
  checksum: `sum-${bytes}`,
});

/** A tab's store over a directory and databases that others may share. */
const open = async (
  directory: FakeDirectory,
  name: string,
  { packs = createPacks(async () => directory), now = measuredClock(10, 1) } = {},
): Promise<PartStore> => (await openIndexedDbStore({ name, packs, now, links: fakeSite().openTab().links }))!;

const MODEL = { name: "m", validators: [], fileBytes: [], storableParts: 1, storableBytes: 1, lastUsed: 1 };

const packsOf = (directory: FakeDirectory): string[] =>
  directory.paths().filter((path) => path.startsWith("m/"));

test("each writer has a pack of its own, and all read all, with shared handles and without", async () => {
  for (const exclusive of [false, true]) {
    const [directory, name] = [fakeDirectory({ exclusive }), nextName()];
    const [first, second] = [await open(directory, name), await open(directory, name)];
    await first.putModel({ ...MODEL, key: "m" });
    await first.putParts([["m/a", part(1, 2)]]);
    await second.putParts([["m/b", part(3)]]);
    await first.putParts([["m/c", part(4)]]);
    expect(packsOf(directory)).toHaveLength(2);
    for (const store of [first, second, await open(directory, name)])
      expect(await store.getParts(["m/c", "m/b", "m/a"])).toEqual([part(4), part(3), part(1, 2)]);
  }
});

test("a slower file system is not taken, and the choice stands for later visits", async () => {
  const [directory, name] = [fakeDirectory(), nextName()];
  const store = await open(directory, name, { now: measuredClock(1, 10) });
  expect(store.payloads()).toBeUndefined();
  await store.putParts([["m/a", part(1)]]);
  expect(store.payloads()).toBe("indexeddb");
  expect(directory.paths()).toEqual([]);
  expect((await open(directory, name)).payloads()).toBe("indexeddb");
});

test("a part whose pack is gone or cut is not there, and can be written again", async () => {
  const [directory, name] = [fakeDirectory(), nextName()];
  const store = await open(directory, name);
  await store.putParts([["m/a", part(1, 2)]]);
  await store.putParts([["m/b", part(3)]]);
  const file = directory.content(packsOf(directory)[0]!);
  file.bytes = file.bytes.slice(0, 1);
  expect(await store.getParts(["m/a", "m/b"])).toEqual([undefined, undefined]);
  await directory.removeEntry("m");
  store.release?.();
  expect(await store.getParts(["m/a"])).toEqual([undefined]);
  const fresh = await open(directory, name);
  await fresh.putParts([["m/a", part(5)]]);
  expect(await fresh.getParts(["m/a"])).toEqual([part(5)]);
});

test("a file system that fails costs no part, and one that is full throws quota", async () => {
  const [directory, name] = [fakeDirectory(), nextName()];
  const packs = createPacks(async () => directory);
  let failure: Error | undefined;
  const append: typeof packs.append = async (...given) => {
    if (failure) throw failure;
    return packs.append(...given);
  };
  const store = await open(directory, name, { packs: { ...packs, append } });
  await store.putParts([["m/a", part(1)]]);
  failure = new Error("broken");
  await store.putParts([["m/b", part(2)]]);
  expect(await store.getParts(["m/a", "m/b"])).toEqual([part(1), part(2)]);
  failure = new DOMException("full", "QuotaExceededError");
  await expect(store.putParts([["m/c", part(3)]])).rejects.toMatchObject({ code: "quota" });
});

test("packs of a deleted model go, and those that a crash left go on the next visit", async () => {
  const [directory, name] = [fakeDirectory(), nextName()];
  const store = await open(directory, name);
  await store.putParts([["m/a", part(1)]]);
  await store.deleteModel("m");
  expect(directory.paths()).toEqual([]);
  await createPacks(async () => directory).append("left", [new Uint8Array(1)]);
  await open(directory, name);
  await expect.poll(() => directory.paths()).toEqual([]);
});
