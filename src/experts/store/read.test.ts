import { expect, test } from "vitest";
import { loadCore } from "../../wasm/core.testing.ts";
import { createMemoryStore } from "./memory.ts";
import { isIntact, readParts } from "./read.ts";

test("a value that cannot be read back costs itself only", async () => {
  const store = createMemoryStore();
  const part = { bytes: Uint8Array.of(1, 2), checksum: "" };
  await store.putParts([["whole", part]]);
  const spoiled = {
    ...store,
    getParts: (keys: readonly string[]) =>
      keys.includes("spoiled") ? Promise.reject(new Error("DataCloneError")) : store.getParts(keys),
  };
  expect(await readParts(spoiled, ["whole", "spoiled", "absent"])).toEqual([part, "unreadable", undefined]);
});

test("a part is intact if its bytes give its checksum, and are as many as they should be", async () => {
  const core = await loadCore();
  const bytes = Uint8Array.of(1, 2, 3);
  const part = { bytes, checksum: core.checksum(bytes) };
  expect(isIntact(core, part, 3)).toBe(true);
  expect(isIntact(core, part, undefined)).toBe(true);
  expect(isIntact(core, part, 4)).toBe(false);
  expect(isIntact(core, { ...part, bytes: Uint8Array.of(1, 2, 4) }, 3)).toBe(false);
  expect(isIntact(core, undefined, 3)).toBe(false);
  expect(isIntact(core, "unreadable", 3)).toBe(false);
});
