import { totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import coreUrl from "../../asm/core/index.ts?asc";
import { WebMoEError } from "../api/errors.ts";
import type { ModelSource } from "../api/options.ts";
import { startNodeHelper } from "../backend/wasm/threads/start-node.ts";
import { openModel } from "../experts/identity.ts";
import { openFileSource } from "../experts/source/node-file.ts";
import { createMemoryStore } from "../experts/store/memory.ts";
import { compileWasmFile } from "../wasm/compile-node.ts";
import { computeUrl } from "../wasm/compute-builds.ts";
import type { Platform } from "./platform.ts";
import { MAX_THREADS } from "./settings.ts";

/** The path that an item names, if it is not an address on the network. */
function pathOf(item: unknown): string | undefined {
  if (item instanceof URL) return item.protocol === "file:" ? fileURLToPath(item) : undefined;
  if (typeof item !== "string") return undefined;
  if (item.startsWith("file:")) return fileURLToPath(item);
  return /^(https?|data|blob|hf|imported):/i.test(item) ? undefined : item;
}

/** Node: the WASM backend, files by path, nothing persisted. */
export function nodePlatform(): Platform {
  return {
    deviceMemoryBytes: totalmem(),
    compileCore: () => compileWasmFile(coreUrl),
    compileCompute: (build) => compileWasmFile(computeUrl(build)),
    threads: { byDefault: 1, most: MAX_THREADS, start: startNodeHelper },
    requestGpu: async () => undefined,
    async openStore(kind) {
      if (kind === "indexeddb")
        throw new WebMoEError("invalid-argument", "Node has no IndexedDB; use store: memory.");
      return createMemoryStore({ capacity: totalmem() / 4 });
    },
    async openModel(source: ModelSource, request) {
      const items: readonly (string | URL | Blob)[] = Array.isArray(source)
        ? source
        : [source as string | URL | Blob];
      const opened = items.map((item) => {
        const path = pathOf(item);
        return path === undefined ? item : openFileSource(path);
      });
      return openModel(await Promise.all(opened), request);
    },
  };
}
