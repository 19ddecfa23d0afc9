import { expect, test } from "vitest";
import { gate } from "./fixtures.testing.ts";
import { createMemoryStore } from "./store/memory.ts";
import type { StoredPart } from "./store/store.ts";
import { createStoreWriter } from "./store-writer.ts";

const MIB = 1024 * 1024;
const part = (mib: number): StoredPart => ({ bytes: new Uint8Array(mib * MIB), checksum: "sum" });

/** A writer over a store whose transactions wait for `let`. */
function setUp({ held = false } = {}) {
  const memory = createMemoryStore();
  const batches: string[][] = [];
  const failures: unknown[] = [];
  let hold = held ? gate() : undefined;
  const writer = createStoreWriter({
    store: {
      ...memory,
      async putParts(parts) {
        batches.push(parts.map(([key]) => key));
        await hold?.opened;
        await memory.putParts(parts);
      },
    },
    onWritten: () => undefined,
    onFailure: (error) => failures.push(error),
  });
  const release = (): void => {
    hold?.open();
    hold = undefined;
  };
  return { writer, memory, batches, failures, release };
}

test("small parts written together are one transaction, without anybody asking for it", async () => {
  const { writer, memory, batches } = setUp();
  await writer.write("a", part(1));
  await writer.write("b", part(1));
  expect(batches).toEqual([]);
  await new Promise((resolve) => setTimeout(resolve, 80));
  expect(batches).toEqual([["a", "b"]]);
  expect(await memory.partKeys("")).toEqual(["a", "b"]);
});

test("a transaction takes at most 8 MiB, unless a single part is larger", async () => {
  const { writer, batches } = setUp();
  for (const key of ["a", "b", "c"]) await writer.write(key, part(3));
  await writer.write("d", part(12));
  await writer.flush();
  expect(batches).toEqual([["a", "b"], ["c"], ["d"]]);
});

test("a part can be read while it is on its way", async () => {
  const { writer, release } = setUp({ held: true });
  const stored = part(1);
  await writer.write("a", stored);
  const flushed = writer.flush();
  expect(writer.pending("a")).toBe(stored);
  release();
  await flushed;
  expect(writer.pending("a")).toBeUndefined();
});

test("writers wait while more than 32 MiB are on their way", async () => {
  const { writer, release } = setUp({ held: true });
  for (const key of ["a", "b", "c", "d"]) await writer.write(key, part(8));
  let taken = false;
  const waiting = writer.write("e", part(8)).then(() => {
    taken = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(taken).toBe(false);
  release();
  await waiting;
});

test("a failed write ends storing and lets everybody go", async () => {
  const { writer, memory, failures } = setUp();
  memory.putParts = async () => Promise.reject(new Error("disk full"));
  await Promise.all(["a", "b", "c", "d", "e"].map((key) => writer.write(key, part(10))));
  await writer.flush();
  expect(failures).toHaveLength(1);
  expect(writer.storing).toBe(false);
  await writer.write("f", part(1));
  expect(writer.pending("f")).toBeUndefined();
});
