import { transfer } from "comlink";
import { WebMoEError } from "../api/errors.ts";
import type { FileExport, StoreManager } from "../experts/manage/manager.ts";
import type { ManagerHost } from "./manager-protocol.ts";
import type { CallId } from "./protocol.ts";

/** The worker's end; the store is opened with the first call, by code in the folder `wasmUrl` if that is given. */
export function managerHost(open: (wasmUrl: string | undefined) => Promise<StoreManager>): ManagerHost {
  let code: string | undefined;
  const aborts = new Map<CallId, AbortController>();
  const exports = new Map<CallId, FileExport["bytes"]>();
  let opened: Promise<StoreManager> | undefined;

  function manager(): Promise<StoreManager> {
    opened ??= open(code).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  }
  const signalFor = (call: CallId): AbortSignal => {
    const controller = new AbortController();
    aborts.set(call, controller);
    return controller.signal;
  };
  const forget = (call: CallId): void => {
    exports.delete(call);
    aborts.delete(call);
  };
  /** Runs `work` under a signal that `endCall` fires. */
  async function abortable<T>(
    call: CallId,
    work: (manager: StoreManager, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const signal = signalFor(call);
    try {
      return await work(await manager(), signal);
    } finally {
      aborts.delete(call);
    }
  }

  return {
    async useCode(wasmUrl) {
      code = wasmUrl;
    },
    listModels: async () => (await manager()).list(),
    verifyModel: (call, key, onProgress) =>
      abortable(call, (store, signal) => store.verify(key, { signal, ...(onProgress && { onProgress }) })),
    repairModel: (call, key, onProgress) =>
      abortable(call, (store, signal) => store.repair(key, { signal, ...(onProgress && { onProgress }) })),
    deleteModel: async (key) => (await manager()).delete(key),
    importModel: (call, files, onProgress) =>
      abortable(call, (store, signal) => store.import(files, { signal, ...(onProgress && { onProgress }) })),
    async startExport(call, key, file) {
      const signal = signalFor(call);
      try {
        const { name, byteLength, bytes } = await (await manager()).export(key, file, signal);
        exports.set(call, bytes);
        return { name, byteLength };
      } catch (error) {
        forget(call);
        throw error;
      }
    },
    async nextChunk(call) {
      const bytes = exports.get(call);
      if (!bytes) throw new WebMoEError("aborted", "The export has ended.");
      try {
        const { done, value } = await bytes.next();
        if (!done) return transfer(value, [value.buffer]);
      } catch (error) {
        forget(call);
        throw error;
      }
      forget(call);
      return undefined;
    },
    storageState: async () => (await manager()).storage(),
    async endCall(call) {
      aborts.get(call)?.abort();
      const bytes = exports.get(call);
      forget(call);
      await bytes?.return();
    },
  };
}
