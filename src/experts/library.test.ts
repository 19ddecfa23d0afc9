import { beforeAll, describe, expect, test } from "vitest";
import type { WebMoEError } from "../api/errors.ts";
import { loadCore } from "../wasm/core.testing.ts";
import type { Core } from "../wasm/core.ts";
import { gate, MODEL_URL } from "./fixtures.testing.ts";
import { openModel } from "./identity.ts";
import { bytesOf, demand, expected, HEADER_BYTES, setUp, visit } from "./library.testing.ts";
import { type Library, openLibrary } from "./library.ts";
import { createMemoryStore } from "./store/memory.ts";
import type { PartStore } from "./store/store.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

async function readTrunk(library: Library): Promise<Map<string, Uint8Array>> {
  const tensors = new Map<string, Uint8Array>();
  for await (const { spec, rows } of library.trunk()) tensors.set(spec.name, rows.bytes);
  return tensors;
}

describe("a record", () => {
  test("holds gate, up and down as they are in the file, fetched together", async () => {
    const given = setUp(core);
    const library = await visit(given);
    const before = given.server.requests.length;
    const record = await library.record(1, 2, demand);
    expect(record.parts.map(({ matrix, rows }) => [matrix, rows.rowStart, rows.rowCount])).toEqual([
      ["gate", 0, 16],
      ["up", 0, 16],
      ["down", 0, 8],
    ]);
    expect(bytesOf(record)).toEqual(expected(given.fixture, 1, 2));
    expect(given.server.requests.length - before).toBe(1);
  });

  test("whose matrices lie far apart takes three requests, sent together", async () => {
    const given = setUp(core, { gap: 70_000 });
    const library = await visit(given);
    const before = given.server.requests.length;
    const { opened, open } = gate();
    given.server.intercept = () => opened;
    const record = library.record(0, 0, demand);
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(given.server.requests.length - before).toBe(3);
    open();
    expect(bytesOf(await record)).toEqual(expected(given.fixture, 0, 0));
  });

  test("that several ask for at once is fetched once", async () => {
    const given = setUp(core);
    const library = await visit(given);
    const before = given.server.requests.length;
    const [first, second] = await Promise.all([
      library.record(0, 1, { priority: "prefetch" }),
      library.record(0, 1, demand),
    ]);
    expect(first).toBe(second);
    expect(given.server.requests.length - before).toBe(1);
  });

  test("that one caller gives up still comes for the other", async () => {
    const given = setUp(core);
    const library = await visit(given);
    const controller = new AbortController();
    const left = library.record(0, 1, { ...demand, signal: controller.signal });
    const stays = library.record(0, 1, demand);
    controller.abort();
    await expect(left).rejects.toMatchObject({ code: "aborted" });
    expect(bytesOf(await stays)).toEqual(expected(given.fixture, 0, 1));
  });

  test("with weights that are not finite is bad-gguf, and the tensor is named", async () => {
    const given = setUp(core);
    const { offset } = given.fixture.directory.record(0, 0)!.matrices.up;
    new DataView(given.fixture.bytes.buffer).setFloat32(offset, Number.NaN, true);
    const library = await visit(given);
    await expect(library.record(0, 0, demand)).rejects.toMatchObject({
      code: "bad-gguf",
      message: expect.stringContaining("blk.0.up"),
    });
  });

  test("comes from the host tier the second time", async () => {
    const given = { ...setUp(core), hostBudget: 1e6 };
    const library = await visit(given);
    const record = await library.record(0, 0, demand);
    const { networkBytes } = library.counters();
    expect(await library.record(0, 0, demand)).toBe(record);
    expect(library.counters()).toMatchObject({
      networkBytes,
      hostBytes: record.byteLength,
      hostHits: 1,
      hostMisses: 1,
      hostTierBytes: record.byteLength,
    });
  });
});

describe("the trunk", () => {
  test("comes in file order by as few requests as its neighbourhood allows, with progress", async () => {
    const given = setUp(core);
    const library = await visit(given);
    const before = given.server.requests.length;
    const progress: [number, number][] = [];
    const names: string[] = [];
    for await (const { spec, rows } of library.trunk(undefined, (...at) => progress.push(at))) {
      names.push(spec.name);
      const { offset } = given.fixture.directory.trunk.find((tensor) => tensor.spec === spec)!;
      expect([...rows.bytes]).toEqual([
        ...given.fixture.bytes.subarray(offset, offset + spec.rows * spec.cols * 4),
      ]);
    }
    expect(names).toEqual(["embed", "norm", "output"]);
    expect(given.server.requests.length - before).toBe(1);
    expect(progress.at(-1)).toEqual([2080, 2080]);
  });

  test("that begins in what was read as the header is fetched from where that ends", async () => {
    const given = setUp(core);
    const { store } = given;
    const model = await openModel(MODEL_URL, { ...given.server, store, core });
    const read = HEADER_BYTES + 100;
    await model.files[0]!.read(0, 200_000);
    await model.files[0]!.read(0, read);
    const { directory } = given.fixture;
    const library = await openLibrary({ model, directory, store, core, hostBudget: 0, name: "moe" });
    const { offset } = directory.trunk[0]!;
    const embed = (await readTrunk(library)).get("embed")!;
    expect([...embed]).toEqual([...given.fixture.bytes.subarray(offset, offset + embed.length)]);
    expect(given.server.requests.map(({ range }) => range![0])).toEqual([0, 200_000, read]);
  });

  test("stops loading when its signal fires", async () => {
    const given = setUp(core);
    const library = await visit(given);
    given.server.intercept = () => gate().opened;
    const controller = new AbortController();
    const first = library.trunk(controller.signal)[Symbol.asyncIterator]().next();
    setTimeout(() => controller.abort(), 0);
    await expect(first).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("the store", () => {
  test("makes the second visit need no request at all", async () => {
    const given = setUp(core);
    const first = await visit(given);
    const trunk = await readTrunk(first);
    await first.complete();
    await first.close();
    const { server } = given;
    server.requests.length = 0;
    const second = await visit({ ...given });
    expect(await readTrunk(second)).toEqual(trunk);
    for (let layer = 0; layer < 2; layer++)
      for (let expert = 0; expert < 4; expert++)
        expect(bytesOf(await second.record(layer, expert, demand))).toEqual(
          expected(given.fixture, layer, expert),
        );
    await second.complete();
    expect(server.requests).toEqual([]);
    expect(second.counters()).toMatchObject({ networkBytes: 0, healedParts: 0 });
  });

  test("fills by demand, and is known without reading it", async () => {
    const given = setUp(core);
    const library = await visit(given);
    expect(library.residentInStore(0, 3)).toBe(false);
    const { byteLength } = await library.record(0, 3, demand);
    await library.flush();
    expect(library.residentInStore(0, 3)).toBe(true);
    expect(library.residentInStore(0, 2)).toBe(false);
    expect(library.counters().storedBytes).toBe(HEADER_BYTES + byteLength);
    const again = await visit(given);
    expect(again.residentInStore(0, 3)).toBe(true);
    expect(again.counters().storedBytes).toBe(HEADER_BYTES + byteLength);
  });

  test("is complete when stored bytes equal storable bytes", async () => {
    const given = setUp(core);
    const library = await visit(given);
    const progress: number[] = [];
    await library.complete(undefined, (stored) => progress.push(stored));
    const { storedBytes, storableBytes } = library.counters();
    expect(storedBytes).toBe(storableBytes);
    expect(progress.at(-1)).toBe(storableBytes);
    const [manifest] = await given.store.models();
    expect(manifest).toMatchObject({ name: "moe", storableBytes, storableParts: 3 + 8 * 3 + 1 });
    expect(await given.store.partKeys(manifest!.key)).toHaveLength(manifest!.storableParts);
  });

  test("that holds damaged or cut parts heals them from the network", async () => {
    const given = setUp(core);
    const first = await visit(given);
    await first.complete();
    const keys = (await given.store.partKeys("")).filter((key) => key.includes("/expert/1/1/"));
    const parts = await given.store.getParts(keys);
    const damaged = parts[0]!.bytes.slice();
    damaged[5]! ^= 1;
    await given.store.putParts([
      [keys[0]!, { ...parts[0]!, bytes: damaged }],
      [keys[1]!, { bytes: new Uint8Array(4), checksum: core.checksum(new Uint8Array(4)) }],
    ]);
    const second = await visit(given);
    expect(bytesOf(await second.record(1, 1, demand))).toEqual(expected(given.fixture, 1, 1));
    expect(second.counters().healedParts).toBe(2);
    await second.flush();
    expect(await given.store.getParts(keys)).toEqual(parts);
    expect(second.counters().storedBytes).toBe(second.counters().storableBytes);
  });

  test("that holds a damaged part gives corrupt-part where there is no network", async () => {
    const given = setUp(core);
    await (await visit(given)).complete();
    const [key] = (await given.store.partKeys("")).filter((each) => each.includes("/expert/0/0/"));
    const [part] = await given.store.getParts([key!]);
    await given.store.putParts([[key!, { ...part!, checksum: "0000000000000000" }]]);
    given.server.intercept = () => Promise.reject(new TypeError("offline"));
    const library = await visit(given);
    await expect(library.record(0, 0, demand)).rejects.toMatchObject({ code: "corrupt-part" });
    expect(bytesOf(await library.record(0, 1, demand))).toEqual(expected(given.fixture, 0, 1));
  });

  test("that cannot read a value loses that part only", async () => {
    const given = setUp(core);
    await (await visit(given)).complete();
    const getParts: PartStore["getParts"] = async (keys) => {
      if (keys.some((key) => key.includes("/expert/0/0/up"))) throw new DOMException("", "NotReadableError");
      return given.store.getParts(keys);
    };
    const library = await visit({ ...given, store: { ...given.store, getParts } });
    expect(bytesOf(await library.record(0, 0, demand))).toEqual(expected(given.fixture, 0, 0));
    expect(library.counters().healedParts).toBe(1);
  });

  test("whose parts another tab deleted is filled anew without counting damage", async () => {
    const given = setUp(core);
    await (await visit(given)).complete();
    const library = await visit(given);
    await given.store.deleteParts(await given.store.partKeys(""));
    expect(bytesOf(await library.record(0, 0, demand))).toEqual(expected(given.fixture, 0, 0));
    expect(library.counters().healedParts).toBe(0);
  });

  test("that is full fails no read; storing ends with one notice", async () => {
    const notices: string[] = [];
    const given = {
      ...setUp(core),
      store: createMemoryStore({ capacity: HEADER_BYTES + 100 }),
      onStoreFailure: (error: WebMoEError) => void notices.push(error.code),
    };
    const library = await visit(given);
    await library.flush();
    for (let expert = 0; expert < 4; expert++) {
      expect(bytesOf(await library.record(0, expert, demand))).toEqual(expected(given.fixture, 0, expert));
      await library.flush();
    }
    expect(notices).toEqual(["quota"]);
    expect(library.counters()).toMatchObject({ storeFailures: 1, storedBytes: HEADER_BYTES });
    await expect(library.complete()).rejects.toMatchObject({ code: "quota" });
  });

  test("that is full goes on in its fallback, and nothing is fetched twice", async () => {
    const given = setUp(core);
    const fallback = createMemoryStore();
    const full = { ...createMemoryStore({ capacity: HEADER_BYTES + 700 }), fallback };
    const library = await visit({ ...given, store: full });
    const everything = async (): Promise<number[][]> => {
      const records: number[][] = [];
      for (let expert = 0; expert < 4; expert++)
        records.push(bytesOf(await library.record(0, expert, demand)));
      return records;
    };
    const first = await everything();
    await library.flush();
    const before = given.server.requests.length;
    expect(await everything()).toEqual(first);
    expect(given.server.requests).toHaveLength(before);
    expect(library.residentInStore(0, 3)).toBe(true);
    const { storedBytes, storableBytes, storeFailures } = library.counters();
    expect(storeFailures).toBe(1);
    expect(storedBytes).toBeLessThan(storableBytes);
    expect(await fallback.partKeys("")).not.toEqual([]);
  });

  test("that is deleted behind the library's back is written anew, manifest and header too", async () => {
    const given = setUp(core);
    const library = await visit(given);
    await library.complete();
    for (const { key } of await given.store.models()) await given.store.deleteModel(key);
    const before = given.server.requests.length;
    expect(bytesOf(await library.record(0, 0, demand))).toEqual(expected(given.fixture, 0, 0));
    await library.complete();
    const { storedBytes, storableBytes } = library.counters();
    expect(storedBytes).toBe(storableBytes);
    // Everything but the header, which is known.
    const ranges = given.server.requests.slice(before).map(({ range }) => range![0]);
    expect(Math.min(...ranges)).toBeGreaterThanOrEqual(HEADER_BYTES);
    expect(await given.store.models()).toHaveLength(1);
    await library.close();
    const again = await visit(given);
    await again.record(1, 3, demand);
    expect(again.counters().networkBytes).toBe(0);
  });

  test("never gets a copy of a local file", async () => {
    const { fixture, store } = setUp(core);
    const file = new File([fixture.bytes], "moe.gguf", { lastModified: 1 });
    const model = await openModel(file, { store, core });
    const { directory } = fixture;
    const library = await openLibrary({ model, directory, store, core, hostBudget: 0, name: "moe" });
    expect(bytesOf(await library.record(1, 3, demand))).toEqual(expected(fixture, 1, 3));
    await library.complete();
    await library.flush();
    expect(await store.partKeys("")).toEqual([]);
    expect(await store.models()).toEqual([]);
    expect(library.counters()).toMatchObject({ networkBytes: 0, storableBytes: 0 });
  });
});

describe("background completion", () => {
  test("waits while demand is on its way", async () => {
    const given = setUp(core);
    const library = await visit(given);
    const { opened, open } = gate();
    given.server.intercept = () => opened;
    const record = library.record(0, 0, demand);
    const completed = library.complete();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = given.server.requests.length;
    given.server.intercept = () => undefined;
    open();
    await record;
    await completed;
    expect(before).toBe(3);
    expect(library.counters().storedBytes).toBe(library.counters().storableBytes);
  });

  test("ends when the library is closed, and what had come stays", async () => {
    const given = setUp(core);
    const library = await visit(given);
    await library.record(0, 0, demand);
    given.server.intercept = () => gate().opened;
    const completed = library.complete();
    const stopped = expect(completed).rejects.toMatchObject({ code: "aborted" });
    await library.close();
    await stopped;
    await expect(library.record(0, 1, demand)).rejects.toMatchObject({ code: "aborted" });
    expect((await given.store.partKeys("")).filter((key) => key.includes("/expert/"))).toHaveLength(3);
  });
});
