import "fake-indexeddb/auto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type FakeDirectory, fakeDirectory, measuredClock } from "./fixtures.testing.ts";
import { openIndexedDbStore } from "./indexeddb.ts";
import { createMemoryStore } from "./memory.ts";
import { createPacks } from "./packs.ts";
import type { PartStore, StoredModel, StoredPart } from "./store.ts";

let databases = 0;
const inOne = (directory: FakeDirectory) => async () => directory;
const nextName = (): string => `test-${databases++}`;
const stores: Record<string, () => Promise<PartStore>> = {
  memory: async () => createMemoryStore(),
  indexeddb: async () => (await openIndexedDbStore({ name: nextName() }))!,
  opfs: async () =>
    (await openIndexedDbStore({
      name: nextName(),
      packs: createPacks(inOne(fakeDirectory())),
      now: measuredClock(10, 1),
    }))!,
};

const part = (...bytes: number[]): StoredPart => ({
  bytes: Uint8Array.from(bytes),
  checksum: `sum-${bytes}`,
});

const model = (key: string): StoredModel => ({
  key,
  name: "moe",
  validators: ['"one"', undefined],
  fileBytes: [100, 200],
  storableParts: 3,
  storableBytes: 300,
  lastUsed: 1,
});

describe.each(Object.keys(stores))("the %s store", (kind) => {
  const open = stores[kind]!;

  test("says what serves its payloads", async () => {
    const store = await open();
    await store.putParts([["m/a", part(1)]]);
    expect(store.payloads()).toBe(kind);
  });

  test("gives parts back in the order asked for, and undefined for what is not there", async () => {
    const store = await open();
    await store.putParts([
      ["m/a", part(1, 2)],
      ["m/b", part(3)],
    ]);
    expect(await store.getParts(["m/b", "m/none", "m/a"])).toEqual([part(3), undefined, part(1, 2)]);
    expect(await store.getParts([])).toEqual([]);
  });

  test("overwrites and deletes parts", async () => {
    const store = await open();
    await store.putParts([["m/a", part(1)]]);
    await store.putParts([["m/a", part(2)]]);
    expect(await store.getParts(["m/a"])).toEqual([part(2)]);
    await store.deleteParts(["m/a", "m/none"]);
    expect(await store.getParts(["m/a"])).toEqual([undefined]);
  });

  test("keeps only a part's own bytes of a larger buffer, and keeps them whatever the caller does", async () => {
    const store = await open();
    const buffer = Uint8Array.from([9, 1, 2, 9]);
    await store.putParts([["m/a", { bytes: buffer.subarray(1, 3), checksum: "sum" }]]);
    buffer.fill(0);
    const [stored] = await store.getParts(["m/a"]);
    expect(stored?.bytes).toEqual(Uint8Array.from([1, 2]));
    expect(stored?.bytes.buffer.byteLength).toBe(2);
  });

  test("lists exactly the keys of a prefix", async () => {
    const store = await open();
    const keys = ["m/L1/a", "m/L1/ü", "m/L1/\uffee", "m/L10/a", "m", "m2/L1/a"];
    await store.putParts(keys.map((key) => [key, part(1)]));
    expect((await store.partKeys("m/L1/")).sort()).toEqual(["m/L1/a", "m/L1/ü", "m/L1/\uffee"]);
  });

  test("deletes a model with its parts and no others", async () => {
    const store = await open();
    await store.putModel(model("m"));
    await store.putModel(model("m2"));
    await store.putParts([
      ["m/L1/a", part(1)],
      ["m2/L1/a", part(2)],
    ]);
    await store.deleteModel("m");
    expect(await store.models()).toEqual([model("m2")]);
    expect(await store.getModel("m")).toBeUndefined();
    expect(await store.getParts(["m/L1/a", "m2/L1/a"])).toEqual([undefined, part(2)]);
  });

  test("replaces a model's manifest", async () => {
    const store = await open();
    await store.putModel(model("m"));
    await store.putModel({ ...model("m"), lastUsed: 2 });
    expect(await store.getModel("m")).toEqual({ ...model("m"), lastUsed: 2 });
    expect(await store.models()).toHaveLength(1);
  });
});

describe("room", () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
  });

  test("a full memory store throws quota and keeps what it had", async () => {
    const store = createMemoryStore({ capacity: 3 });
    await store.putParts([["a", part(1, 2)]]);
    await expect(store.putParts([["b", part(3, 4)]])).rejects.toMatchObject({ code: "quota" });
    await store.putParts([["a", part(5, 6, 7)]]);
    expect(await store.getParts(["a", "b"])).toEqual([part(5, 6, 7), undefined]);
  });

  test("a full IndexedDB throws quota, and nothing of the batch is kept", async () => {
    const store = (await openIndexedDbStore({ name: nextName() }))!;
    const put = IDBObjectStore.prototype.put;
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value, key) {
      if (key === "m/b") throw new DOMException("full", "QuotaExceededError");
      return put.call(this, value, key);
    });
    const batch = [
      ["m/a", part(1)],
      ["m/b", part(2)],
    ] as const;
    await expect(store.putParts(batch)).rejects.toMatchObject({ code: "quota" });
    expect(await store.partKeys("m/")).toEqual([]);
  });

  test("where there is no IndexedDB there is no store", async () => {
    vi.stubGlobal("indexedDB", undefined);
    expect(await openIndexedDbStore()).toBeUndefined();
  });

  test("where IndexedDB is blocked there is no store", async () => {
    vi.stubGlobal("indexedDB", {
      open() {
        throw new DOMException("denied", "SecurityError");
      },
    });
    expect(await openIndexedDbStore()).toBeUndefined();
  });
});
