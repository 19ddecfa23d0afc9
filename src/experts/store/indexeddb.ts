import {
  createStore,
  del,
  delMany,
  get,
  getMany,
  promisifyRequest,
  set,
  type UseStore,
  values,
} from "idb-keyval";
import { WebMoEError } from "../../api/errors.ts";
import { browserTabLinks } from "../tabs/links.ts";
import type { PartStore, StoredModel, StoredPart } from "./store.ts";

/** A database that does not open within this time (a blocked upgrade, a broken profile) counts as missing. */
const OPEN_TIMEOUT_MS = 5_000;

/** All keys that start with a prefix: U+FFFF is above every character that a key may hold. */
const prefixRange = (prefix: string): IDBKeyRange => IDBKeyRange.bound(prefix, `${prefix}\uffff`);

/**
 * Parts in IndexedDB: databases `<name>-parts` and `<name>-models`, one object store each, as idb-keyval has it.
 *
 * Undefined where IndexedDB is missing or blocked (private windows, some embedded pages).
 */
export async function openIndexedDbStore(name = "webmoe"): Promise<PartStore | undefined> {
  if (typeof indexedDB === "undefined") return undefined;
  const parts = createStore(`${name}-parts`, "parts");
  const models = createStore(`${name}-models`, "models");
  try {
    await withTimeout(Promise.all([get("", parts), get("", models)]));
  } catch {
    return undefined;
  }
  return {
    kind: "indexeddb",
    links: browserTabLinks(),
    getParts: (keys) => getMany<StoredPart>([...keys], parts),
    putParts: (batch) =>
      putAll(
        parts,
        batch.map(([key, { bytes, checksum }]) => [key, { bytes: ownBuffer(bytes), checksum }]),
      ),
    deleteParts: (keys) => delMany([...keys], parts),
    partKeys: (prefix) =>
      parts("readonly", (store) => promisifyRequest(store.getAllKeys(prefixRange(prefix)))).then((keys) =>
        keys.map(String),
      ),
    getModel: (key) => get<StoredModel>(key, models),
    putModel: (model) => mapQuota(set(model.key, model, models)),
    async deleteModel(key) {
      // The manifest goes last: a deletion cut short leaves a model that can be deleted again.
      await parts("readwrite", (store) => {
        store.delete(prefixRange(`${key}/`));
        return promisifyRequest(store.transaction);
      });
      await del(key, models);
    },
    models: () => values<StoredModel>(models),
  };
}

/**
 * idb-keyval's setMany rejects with the transaction's error at a time when a failed request has not yet set it;
 * the abort event comes after, with the cause (QuotaExceededError).
 */
function putAll(use: UseStore, entries: readonly (readonly [string, StoredPart])[]): Promise<void> {
  const written = use(
    "readwrite",
    (store) =>
      new Promise<void>((resolve, reject) => {
        const { transaction } = store;
        transaction.oncomplete = () => resolve();
        transaction.onabort = () =>
          reject(transaction.error ?? new DOMException("The transaction was aborted.", "AbortError"));
        try {
          for (const [key, part] of entries) store.put(part, key);
        } catch (error) {
          reject(error);
          transaction.abort();
        }
      }),
  );
  return mapQuota(written);
}

async function mapQuota<T>(written: Promise<T>): Promise<T> {
  try {
    return await written;
  } catch (cause) {
    if (cause instanceof Error && cause.name === "QuotaExceededError")
      throw new WebMoEError(
        "quota",
        "The browser gives this site no more storage. Free disk space or delete a stored model.",
        { cause },
      );
    throw cause;
  }
}

/** IndexedDB clones the buffer behind a view, whole. */
const ownBuffer = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();

async function withTimeout<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("IndexedDB did not open in time.")), OPEN_TIMEOUT_MS);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
