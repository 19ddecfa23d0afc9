import { expect, test } from "vitest";
import { fakeSite } from "../tabs/fixtures.testing.ts";
import { holdModel } from "../tabs/locks.ts";
import { createMemoryStore } from "./memory.ts";
import { withRoom } from "./room.ts";
import type { PartStore, StoredPart } from "./store.ts";

const GIB = 1024 ** 3;
const part = (length: number): StoredPart => ({ bytes: new Uint8Array(length), checksum: "sum" });

/** Four models of 10 bytes each in room for 40: `old`, `older` and `stale` unused, `open` open in another tab. */
async function setUp({ estimate = {} as StorageEstimate, locks = true } = {}) {
  const site = fakeSite();
  const { links } = site.openTab();
  const memory: PartStore = { ...createMemoryStore({ capacity: 40 }), ...(locks && { links }) };
  const lastUsed = { old: 3, older: 2, stale: 4, open: 1 };
  for (const [key, at] of Object.entries(lastUsed)) {
    await memory.putModel({
      key,
      name: key,
      validators: [],
      fileBytes: [],
      storableParts: 1,
      storableBytes: 10,
      lastUsed: at,
      ...(key === "stale" && { outdated: true }),
    });
    await memory.putParts([[`${key}/a`, part(10)]]);
  }
  await holdModel(site.openTab().links, "open");
  const fallback = createMemoryStore();
  const store = withRoom(memory, { fallback, estimate: async () => estimate });
  const kept = async (): Promise<string[]> => (await store.models()).map(({ key }) => key);
  return { store, kept };
}

test("outdated models go first, then the least recently used, whole, and never one that is open", async () => {
  const { store, kept } = await setUp();
  await store.putParts([["new/a", part(5)]]);
  expect(await kept()).toEqual(["old", "older", "open"]);
  await store.putParts([["new/b", part(10)]]);
  expect(await kept()).toEqual(["old", "open"]);
  await store.putParts([["new/c", part(15)]]);
  expect(await kept()).toEqual(["open"]);
  await expect(store.putParts([["new/d", part(15)]])).rejects.toMatchObject({ code: "quota" });
  expect(await store.partKeys("")).toEqual(["new/a", "new/b", "new/c", "open/a"]);
});

test("models go before the browser refuses a write, and no more of them than give enough room", async () => {
  const { store, kept } = await setUp({ estimate: { quota: GIB, usage: GIB } });
  await store.deleteModel("older");
  await store.putParts([["new/a", part(1)]]);
  // None of these gives enough, so all that may go are gone.
  expect(await kept()).toEqual(["open"]);
  const roomy = await setUp({ estimate: { quota: GIB, usage: GIB / 2 } });
  await roomy.store.deleteModel("older");
  await roomy.store.putParts([["new/a", part(1)]]);
  expect(await roomy.kept()).toEqual(["old", "stale", "open"]);
});

test("without locks nothing is deleted, since any model may be open", async () => {
  const { store, kept } = await setUp({ locks: false });
  await expect(store.putParts([["new/a", part(1)]])).rejects.toMatchObject({ code: "quota" });
  expect(await kept()).toHaveLength(4);
});
