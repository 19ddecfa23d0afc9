import { createStore, get, set, type UseStore } from "idb-keyval";
import type { TuningStore } from "./tuning.ts";

/** In IndexedDB; where a browser refuses it, nothing is kept. */
export function indexedDbTuningStore(): TuningStore {
  let store: UseStore | undefined;
  const opened = (): UseStore => {
    store ??= createStore("webmoe-kernels", "choices");
    return store;
  };
  return {
    read: async (adapter) => get(adapter, opened()),
    write: async (adapter, found) => set(adapter, found, opened()),
  };
}
