import type { StartHelper } from "../backend/wasm/threads/pool.ts";
import { createWebGpuBackend, requestAdapter } from "../backend/webgpu/index.ts";
import { indexedDbTuningStore } from "../backend/webgpu/tuning-store.ts";
import { openModel } from "../experts/identity.ts";
import { createMemoryStore } from "../experts/store/memory.ts";
import { openPersistentStore } from "../experts/store/persistent.ts";
import { withRoom } from "../experts/store/room.ts";
import type { PartStore } from "../experts/store/store.ts";
import type { ComputeBuild } from "../wasm/compute-builds.ts";
import type { Gpu, Platform, ThreadSupport } from "./platform.ts";
import { MAX_THREADS } from "./settings.ts";

/** The engine's code besides its own script: files, or what a script brings inside it. */
export interface EngineCode {
  compileCore(): Promise<WebAssembly.Module>;
  compileCompute(build: ComputeBuild): Promise<WebAssembly.Module>;
  readonly startHelper: StartHelper;
}

const GIB = 1024 ** 3;

/** Decode is bound by memory, which more threads than these do not make faster. */
const DEFAULT_THREADS = 8;

/** `navigator.deviceMemory` is absent outside Chromium; the design assumes 4 GiB there, so budgets start at 1 GiB. */
function deviceMemoryBytes(): number {
  const { deviceMemory } = navigator as Navigator & { readonly deviceMemory?: number };
  return (deviceMemory ?? 4) * GIB;
}

async function requestGpu(): Promise<Gpu | undefined> {
  const found = await requestAdapter();
  if (!found) return undefined;
  const { adapter, name, software } = found;
  const tuningStore = indexedDbTuningStore();
  return {
    name,
    software,
    createBackend: ({ plain, ...options }) =>
      createWebGpuBackend({ ...options, adapter, tuningStore, constraints: plain ? { features: [] } : {} }),
  };
}

/** IndexedDB may be missing, blocked (private windows) or full; parts then live as long as the page. */
async function openStore(kind: "indexeddb" | "memory" | undefined): Promise<PartStore> {
  const persistent = kind === "memory" ? undefined : await openPersistentStore();
  const fallback = createMemoryStore({ capacity: deviceMemoryBytes() / 4 });
  const { storage } = navigator as { readonly storage?: StorageManager };
  return persistent
    ? withRoom(persistent, { fallback, estimate: storage && (() => storage.estimate()) })
    : fallback;
}

/** Memory can be shared only where the page is isolated from others (COOP and COEP). */
function threadSupport(start: StartHelper): ThreadSupport {
  const most = globalThis.crossOriginIsolated === true ? MAX_THREADS : 1;
  const byDefault = Math.min(navigator.hardwareConcurrency || 1, DEFAULT_THREADS, most);
  return { byDefault, most, start };
}

/** A worker in a page. */
export function browserPlatform(code: EngineCode): Platform {
  return {
    deviceMemoryBytes: deviceMemoryBytes(),
    compileCore: code.compileCore,
    compileCompute: code.compileCompute,
    threads: threadSupport(code.startHelper),
    requestGpu,
    openStore,
    openModel,
  };
}
