import { totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import computeUrl from "../../asm/compute/index.ts?asc";
import coreUrl from "../../asm/core/index.ts?asc";
import { WebMoEError } from "../api/errors.ts";
import type { ModelSource } from "../api/options.ts";
import { openModel, openModelSources } from "../experts/identity.ts";
import { openFileSource } from "../experts/source/node-file.ts";
import { createMemoryStore } from "../experts/store/memory.ts";
import { compileWasmFile } from "../wasm/compile-node.ts";
import type { Platform } from "./platform.ts";

/** The path that an item names, if it is not an address on the network. */
function pathOf(item: unknown): string | undefined {
  if (item instanceof URL) return item.protocol === "file:" ? fileURLToPath(item) : undefined;
  if (typeof item !== "string") return undefined;
  if (item.startsWith("file:")) return fileURLToPath(item);
  return /^(https?|data|blob):/i.test(item) ? undefined : item;
}

/** Node: the WASM backend, files by path, nothing persisted. */
export function nodePlatform(): Platform {
  return {
    deviceMemoryBytes: totalmem(),
    compileCore: () => compileWasmFile(coreUrl),
    compileCompute: () => compileWasmFile(computeUrl),
    requestGpu: async () => undefined,
    async openStore(kind) {
      if (kind === "indexeddb")
        throw new WebMoEError("invalid-argument", "Node has no IndexedDB; use store: memory.");
      return createMemoryStore({ capacity: totalmem() / 4 });
    },
    async openModel(source: ModelSource, request) {
      const items: readonly unknown[] = Array.isArray(source) ? source : [source];
      const paths = items.map(pathOf);
      if (paths.some((path) => path === undefined)) return openModel(source, request);
      return openModelSources(await Promise.all(paths.map((path) => openFileSource(path!))), request);
    },
  };
}
