import type { Layout } from "../experts/manage/inventory.ts";
import { modelLocks } from "../experts/manage/locks.ts";
import { createStoreManager, type StoreManager } from "../experts/manage/manager.ts";
import type { Source } from "../experts/source/source.ts";
import { readGgufHeader } from "../model/gguf/read.ts";
import { describeModel } from "../model/model.ts";
import { instantiateCore } from "../wasm/core.ts";
import { partDirectory } from "./directory.ts";
import type { Platform } from "./platform.ts";

/** What a stored model's parts are, from the headers of its files. Errors: those of the header reader. */
export async function readLayout(files: readonly Source[], signal: AbortSignal | undefined): Promise<Layout> {
  const headers = await Promise.all(files.map((file) => readGgufHeader(file, signal)));
  const description = describeModel(headers);
  return {
    name: description.name,
    directory: partDirectory(description),
    alignments: headers.map(({ alignment }) => alignment),
  };
}

/** Opens the store of this place for looking after its models; no backend, and no weights beyond a few at a time. */
export async function openStoreManager(
  platform: Pick<Platform, "compileCore" | "openStore">,
): Promise<StoreManager> {
  const [core, store] = await Promise.all([
    platform.compileCore().then(instantiateCore),
    platform.openStore(undefined),
  ]);
  return createStoreManager({
    store,
    core,
    locks: modelLocks(),
    readLayout,
    storage: globalThis.navigator?.storage,
  });
}
