import { beforeAll, expect, test } from "vitest";
import { loadCore } from "../../wasm/core.testing.ts";
import type { Core } from "../../wasm/core.ts";
import { type ModelFixture, modelFixture } from "../fixtures.testing.ts";
import { createMemoryStore } from "../store/memory.ts";
import { modelLocks } from "./locks.ts";
import { createStoreManager } from "./manager.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

/** Imports the fixture's file and exports it again. */
async function thereAndBack({ bytes, headerBytes, directory }: ModelFixture): Promise<Uint8Array> {
  const manager = createStoreManager({
    store: createMemoryStore(),
    core,
    locks: modelLocks(undefined),
    async readLayout([file]) {
      await file!.read(0, headerBytes);
      return { name: "moe", directory, alignments: [32] };
    },
  });
  const { key } = await manager.import([new Blob([bytes])]);
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await manager.export(key, 0)).bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("padding between tensors is given back as the zeros that it was", async () => {
  const model = modelFixture({ gap: 31 });
  expect(Buffer.compare(await thereAndBack(model), model.bytes)).toBe(0);
});

test("a file with more than padding between tensors is not given back as something else", async () => {
  await expect(thereAndBack(modelFixture({ gap: 32 }))).rejects.toMatchObject({
    code: "invalid-argument",
    message: expect.stringContaining("32 bytes from 1000"),
  });
});

test("a header that was read on into the tensors is followed by the rest of them", async () => {
  const model = modelFixture({ headerBytes: 1000 });
  const generous = { ...model, headerBytes: 2500 };
  expect(Buffer.compare(await thereAndBack(generous), model.bytes)).toBe(0);
});
