import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import "fake-indexeddb/auto";
import { readGguf } from "../../tools/make-model/gguf-reader.mjs";
import { type MetadataValue, writeGguf } from "../../tools/make-model/gguf-writer.mjs";
import { makeModel } from "../../tools/make-model/index.mjs";
import type { StoredModelInfo } from "../api/models.ts";
import type { StoreManager } from "../experts/manage/manager.ts";
import { openIndexedDbStore } from "../experts/store/indexeddb.ts";
import { createMemoryStore } from "../experts/store/memory.ts";
import type { PartStore } from "../experts/store/store.ts";
import { modelLockName } from "../experts/tabs/locks.ts";
import { loadModel } from "./engine.ts";
import { openStoreManager } from "./manager.ts";
import { nodePlatform } from "./node-platform.ts";

let folder: string;
let bytes: Buffer<ArrayBuffer>;
let file: File;
let store: PartStore;
let manager: StoreManager;

const platformOver = (over: PartStore) => ({ ...nodePlatform(), openStore: async () => over });
const gguf = (content: BlobPart = bytes, name = "moe.gguf"): File => new File([content], name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "webmoe-"));
  const out = join(folder, "moe.gguf");
  await makeModel({ shape: "b", type: "q8_0", seed: 5, out });
  bytes = Buffer.from(new Uint8Array(await readFile(out)));
  file = gguf();
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  store = createMemoryStore();
  manager = await openStoreManager(platformOver(store));
});

async function exported(model: StoredModelInfo, number = 0): Promise<Buffer> {
  const { byteLength, bytes: chunks } = await manager.export(model.key, number);
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const whole = Buffer.concat(parts);
  expect(whole.length).toBe(byteLength);
  return whole;
}

/** Turns one bit of a stored part, as a failing disk would, and says which part it was. */
async function damage({ key }: StoredModelInfo, which: RegExp): Promise<string> {
  const found = (await store.partKeys(`${key}/`)).find((part) => which.test(part))!;
  const [part] = await store.getParts([found]);
  const flipped = part!.bytes.slice();
  flipped[flipped.length >> 1]! ^= 4;
  await store.putParts([[found, { bytes: flipped, checksum: part!.checksum }]]);
  return found.replace(/^.*?\/L\d+\//, "");
}

describe.each(["memory", "indexeddb"] as const)("in the %s store", (kind) => {
  test("an imported file is exported again byte for byte, and runs from the store alone", async () => {
    if (kind === "indexeddb") store = (await openIndexedDbStore())!;
    manager = await openStoreManager(platformOver(store));
    const progress: number[] = [];
    const model = await manager.import([file], { onProgress: (done, all) => progress.push(done / all) });
    expect(model).toMatchObject({
      name: "random-qwen3moe-b-q8_0-5",
      source: expect.stringMatching(/^imported:[0-9a-f]{16}$/),
      files: [{ bytes: bytes.length }],
      complete: true,
      outdated: false,
      inUse: false,
    });
    expect(model.storedBytes).toBe(model.storableBytes);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(1);
    expect((await exported(model)).equals(bytes)).toBe(true);
    expect(await manager.list()).toEqual([model]);

    const [fromStore, fromFile] = await Promise.all(
      [model.source as string, file].map(async (source) => {
        const loaded = await loadModel(source, {}, platformOver(store));
        const logits = await loaded.evaluate([1, 2, 3]);
        await loaded.dispose();
        return logits;
      }),
    );
    expect(fromStore).toEqual(fromFile);
  });
});

test("the same content under another name is the same model", async () => {
  const first = await manager.import([file]);
  const again = await manager.import([gguf(bytes, "copy.gguf")]);
  expect(again.key).toBe(first.key);
  expect(await manager.list()).toHaveLength(1);
});

/** As gguf-split does: all metadata in the first file, `split.*` in each. */
async function splitInTwo(): Promise<File[]> {
  const whole = await readGguf(join(folder, "moe.gguf"));
  const middle = whole.tensors.length >> 1;
  const parts = [whole.tensors.slice(0, middle), whole.tensors.slice(middle)];
  return Promise.all(
    parts.map(async (own, number) => {
      const out = join(folder, `part-${number}.gguf`);
      const keys = new Map<string, MetadataValue>(number === 0 ? whole.metadata : []);
      keys
        .set("split.no", { kind: "uint32", value: number })
        .set("split.count", { kind: "uint32", value: 2 });
      const tensors = own.map((tensor) => {
        const ends = whole.tensors.map(({ offset }) => offset).filter((offset) => offset > tensor.offset);
        const data = whole.bytes.subarray(tensor.offset, Math.min(whole.bytes.length, ...ends));
        return { ...tensor, byteLength: data.length, data: () => data };
      });
      await writeGguf(out, keys, tensors);
      return gguf(new Uint8Array(await readFile(out)), `part-${number}.gguf`);
    }),
  );
}

test("a split model is imported from all of its files, runs, and is exported file by file", async () => {
  const parts = await splitInTwo();
  await expect(manager.import(parts.slice(0, 1))).rejects.toMatchObject({ code: "bad-gguf" });
  const model = await manager.import([...parts].reverse());
  expect(model.source).toHaveLength(2);
  for (const [i, part] of parts.entries())
    expect((await exported(model, i)).equals(Buffer.from(await part.arrayBuffer()))).toBe(true);
  const loaded = await loadModel(model.source as string[], {}, platformOver(store));
  expect((await loaded.evaluate([1, 2, 3])).length).toBe(loaded.info.vocabSize);
  await loaded.dispose();
});

test("verify finds a turned bit, repair deletes its part alone, importing again heals the model", async () => {
  const model = await manager.import([file]);
  expect(await manager.verify(model.key)).toMatchObject({
    damaged: [],
    missingParts: 0,
    checkedBytes: model.storedBytes,
  });
  const damaged = [await damage(model, /\/expert\/1\//), await damage(model, /\/trunk\/output/)];
  const report = await manager.verify(model.key);
  expect([...report.damaged].sort()).toEqual(damaged.sort());
  await expect(exported(model)).rejects.toMatchObject({ code: "corrupt-part" });

  expect((await manager.repair(model.key)).damaged).toHaveLength(2);
  expect(await manager.verify(model.key)).toMatchObject({
    checkedParts: report.checkedParts - 2,
    damaged: [],
    missingParts: 2,
  });
  const [repaired] = await manager.list();
  expect(repaired).toMatchObject({ complete: false });
  expect(repaired!.storedBytes).toBeLessThan(repaired!.storableBytes);
  await expect(exported(model)).rejects.toMatchObject({ code: "invalid-argument" });
  await expect(loadModel(model.source as string, {}, platformOver(store))).rejects.toMatchObject({
    code: "corrupt-part",
    message: expect.stringContaining("Import the file again"),
  });

  expect((await manager.import([file])).complete).toBe(true);
  expect((await exported(model)).equals(bytes)).toBe(true);
});

test("a model whose header is damaged is still listed, verified and deleted", async () => {
  const model = await manager.import([file]);
  expect(await damage(model, /\/header\//)).toBe("header/0");
  await store.putParts([[`${model.key}/L1/header/0`, { bytes: Uint8Array.of(1), checksum: "" }]]);
  expect(await manager.list()).toMatchObject([{ key: model.key, complete: false }]);
  expect((await manager.verify(model.key)).damaged).toEqual(["header/0"]);
  await manager.delete(model.key);
  expect(await manager.list()).toEqual([]);
  expect(await store.partKeys("")).toEqual([]);
});

test("parts of a layout that this version does not read are listed as outdated, and deleted with the model", async () => {
  const model = await manager.import([file]);
  await store.putParts([[`${model.key}/L0/trunk/x/0`, { bytes: Uint8Array.of(1), checksum: "" }]]);
  expect(await manager.list()).toMatchObject([{ outdated: true }]);
  await manager.delete(model.key);
  expect(await store.partKeys("")).toEqual([]);
});

test("a model that is open is neither repaired nor deleted, but verified and exported", async () => {
  const model = await manager.import([file]);
  let close = (): void => undefined;
  const open = new Promise<void>((resolve) => {
    close = resolve;
  });
  const locks = fakeLocks();
  const closed = locks.request(modelLockName(model.key), { mode: "shared" }, () => open);
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  try {
    manager = await openStoreManager(platformOver(store));
    expect(await manager.list()).toMatchObject([{ inUse: true }]);
    for (const change of [manager.delete, manager.repair])
      await expect(change(model.key)).rejects.toMatchObject({ code: "in-use" });
    expect((await manager.verify(model.key)).damaged).toEqual([]);
    const running = await manager.export(model.key, 0);
    await running.bytes.next();
    close();
    await closed;
    // The export goes on, and holds the model as a tab does.
    await expect(manager.delete(model.key)).rejects.toMatchObject({ code: "in-use" });
    await running.bytes.return();
    await manager.delete(model.key);
    expect(await manager.list()).toEqual([]);
  } finally {
    Reflect.deleteProperty(globalThis, "navigator");
  }
});

test("what is not under a key is refused by every call", async () => {
  for (const call of [
    manager.verify,
    manager.repair,
    manager.delete,
    (key: string) => manager.export(key, 0),
  ])
    await expect(call("none")).rejects.toMatchObject({ code: "invalid-argument" });
});

describe("an import that fails keeps nothing", () => {
  const nothingKept = async (): Promise<void> => {
    expect(await manager.list()).toEqual([]);
    expect(await store.partKeys("")).toEqual([]);
  };

  test.each<[string, () => BlobPart, string]>([
    ["nothing", () => new Uint8Array(), "bad-gguf"],
    ["another kind of file", () => Uint8Array.from(bytes.subarray(4, 5000)), "bad-gguf"],
    ["a file cut off in its header", () => Uint8Array.from(bytes.subarray(0, 20_000)), "bad-gguf"],
    [
      "a file cut off in its tensors",
      () => Uint8Array.from(bytes.subarray(0, bytes.length - 5000)),
      "bad-gguf",
    ],
    [
      "a header that claims 2^60 tensors",
      () => Uint8Array.from(bytes).fill(0x10, 15, 16) as Uint8Array<ArrayBuffer>,
      "bad-gguf",
    ],
    [
      "weights that are no numbers",
      () => {
        const bad = Uint8Array.from(bytes);
        // The end of the last tensor, which may be scales or quants: all bits set is NaN in any float.
        bad.fill(255, bad.length - 4096);
        return bad;
      },
      "bad-gguf",
    ],
  ])("of %s", async (_, content, code) => {
    await expect(manager.import([gguf(content())])).rejects.toMatchObject({ code });
    await nothingKept();
  });

  test("into a store that is full", async () => {
    store = createMemoryStore({ capacity: bytes.length / 2 });
    manager = await openStoreManager(platformOver(store));
    await expect(manager.import([file])).rejects.toMatchObject({ code: "quota" });
    await nothingKept();
  });

  test("by its signal, after parts were stored", async () => {
    const abort = new AbortController();
    const { putParts } = store;
    store.putParts = async (parts) => {
      await putParts(parts);
      abort.abort();
    };
    const importing = manager.import([file], { signal: abort.signal });
    await expect(importing).rejects.toMatchObject({ code: "aborted" });
    await nothingKept();
  });

  test("of things that are no files", async () => {
    await expect(manager.import([])).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(manager.import(["moe.gguf" as unknown as Blob])).rejects.toMatchObject({
      code: "invalid-argument",
    });
  });
});

/** Web Locks in memory, as far as they are used here: `ifAvailable`, modes, and the query. */
function fakeLocks(): LockManager {
  const held: { name: string; mode: LockMode }[] = [];
  const request = async (
    name: string,
    { mode = "exclusive" }: LockOptions,
    work: (lock: Lock | null) => unknown,
  ): Promise<unknown> => {
    const others = held.filter((lock) => lock.name === name);
    const free = mode === "shared" ? others.every((lock) => lock.mode === "shared") : others.length === 0;
    if (!free) return work(null);
    const lock = { name, mode };
    held.push(lock);
    try {
      return await work(lock);
    } finally {
      held.splice(held.indexOf(lock), 1);
    }
  };
  return { request, query: async () => ({ held: [...held], pending: [] }) } as unknown as LockManager;
}
