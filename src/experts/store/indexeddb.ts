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
import type { TabLinks } from "../tabs/links.ts";
import { whileUnused } from "../tabs/locks.ts";
import { measurePayloads, type PayloadChoice, SAMPLES } from "./measure.ts";
import type { PackedAt, Packs } from "./packs.ts";
import type { PartStore, StoredModel, StoredPart } from "./store.ts";

/** A database that does not open within this time (a blocked upgrade, a broken profile) counts as missing. */
const OPEN_TIMEOUT_MS = 5_000;

/** All keys that start with a prefix: U+FFFF is above every character that a key may hold. */
const prefixRange = (prefix: string): IDBKeyRange => IDBKeyRange.bound(prefix, `${prefix}\uffff`);

/** A part as it lies in the database: with its bytes, or with the place that has them. */
type PartEntry = StoredPart | { readonly checksum: string; readonly at: PackedAt };

const NOT_MEASURED: PayloadChoice = { payloads: "indexeddb", indexedDbReadRate: 0, opfsReadRate: 0 };

export interface IndexedDbOptions {
  readonly name?: string;
  /** Where payloads may lie instead, if that turns out to be faster. */
  readonly packs?: Packs | undefined;
  readonly links?: TabLinks | undefined;
  /** The clock of the measurement, in milliseconds. */
  readonly now?: () => number;
}

/**
 * Parts in IndexedDB: databases `<name>-parts`, `<name>-models` and `<name>-settings`, one object store each, as
 * idb-keyval has it. Keys and checksums are always there. Payloads are there too, or in packs: whichever was read
 * faster when the first part was stored. Bytes go into a pack before their key goes into the database, so what a
 * crash leaves between the two is a part less, and its place is never read.
 *
 * Undefined where IndexedDB is missing or blocked (private windows, some embedded pages).
 */
export async function openIndexedDbStore({
  name = "webmoe",
  packs,
  links,
  now = () => performance.now(),
}: IndexedDbOptions = {}): Promise<PartStore | undefined> {
  if (typeof indexedDB === "undefined") return undefined;
  const parts = createStore(`${name}-parts`, "parts");
  const models = createStore(`${name}-models`, "models");
  const settings = createStore(`${name}-settings`, "settings");
  let choice: PayloadChoice | undefined;
  try {
    [choice] = await withTimeout(
      Promise.all([get<PayloadChoice>("payloads", settings), get("", parts), get("", models)]),
    );
  } catch {
    return undefined;
  }
  const writeInline = (batch: readonly (readonly [string, StoredPart])[]): Promise<void> =>
    putAll(
      parts,
      batch.map(([key, { bytes, checksum }]) => [key, { bytes: ownBuffer(bytes), checksum }]),
    );

  let measuring: Promise<PayloadChoice> | undefined;
  async function measure(beside: Packs): Promise<PayloadChoice> {
    const key = (i: number): string => `measure/${i}`;
    const keys = Array.from({ length: SAMPLES }, (_, i) => key(i));
    const measured = await measurePayloads({
      packs: beside,
      write: (samples) => writeInline(samples.map((bytes, i) => [key(i), { bytes, checksum: "" }])),
      read: async () => (await getMany<StoredPart>(keys, parts)).map((value) => value?.bytes),
      now,
    }).finally(() => delMany(keys, parts));
    await set("payloads", measured, settings);
    return measured;
  }

  /** Packs, if they serve payloads. A measurement that fails is none in their favour. */
  async function chosenPacks(): Promise<Packs | undefined> {
    if (!packs) return undefined;
    measuring ??= choice ? Promise.resolve(choice) : measure(packs);
    choice = await measuring.catch(() => NOT_MEASURED);
    return choice.payloads === "opfs" ? packs : undefined;
  }

  async function putParts(batch: readonly (readonly [string, StoredPart])[]): Promise<void> {
    const beside = await chosenPacks();
    if (!beside) return writeInline(batch);
    const entries: (readonly [string, PartEntry])[] = [];
    for (const [modelKey, own] of byModel(batch)) {
      const payloads = own.map(([, { bytes }]) => bytes);
      const places = await beside.append(modelKey, payloads).catch((error: unknown) => {
        if (isQuota(error)) throw error;
        return undefined;
      });
      // A file system that fails costs its speed and nothing else.
      if (!places) await writeInline(own);
      else entries.push(...own.map(([key, { checksum }], i) => [key, { checksum, at: places[i]! }] as const));
    }
    await putAll(parts, entries);
  }

  async function getParts(keys: readonly string[]): Promise<(StoredPart | undefined)[]> {
    const entries = await getMany<PartEntry | undefined>([...keys], parts);
    return Promise.all(
      entries.map(async (entry, i) => {
        if (!entry || !("at" in entry)) return entry;
        const bytes = await packs?.read(modelOf(keys[i]!), entry.at);
        return bytes && { bytes, checksum: entry.checksum };
      }),
    );
  }

  const store: PartStore = {
    kind: "indexeddb",
    payloads: () => (packs ? choice?.payloads : "indexeddb"),
    links,
    getParts,
    putParts: (batch) => mapQuota(putParts(batch)),
    deleteParts: (keys) => delMany([...keys], parts),
    partKeys: (prefix) =>
      parts("readonly", (all) => promisifyRequest(all.getAllKeys(prefixRange(prefix)))).then((keys) =>
        keys.map(String),
      ),
    getModel: (key) => get<StoredModel>(key, models),
    putModel: (model) => mapQuota(set(model.key, model, models)),
    async deleteModel(key) {
      // The manifest goes last: a deletion cut short leaves a model that can be deleted again.
      await parts("readwrite", (all) => {
        all.delete(prefixRange(`${key}/`));
        return promisifyRequest(all.transaction);
      });
      // Packs that another tab has open are swept away later.
      await packs?.deleteModel(key).catch(() => undefined);
      await del(key, models);
    },
    models: () => values<StoredModel>(models),
    release: () => packs?.close(),
  };
  if (packs) void sweep(packs, store).catch(() => undefined);
  return store;
}

/** Deletes packs whose model is not in the database, which is what a crash in mid-deletion leaves. */
async function sweep(packs: Packs, store: PartStore): Promise<void> {
  for (const model of await packs.models())
    await whileUnused(store.links, model, async () => {
      if (!(await store.getModel(model))) await packs.deleteModel(model);
    });
}

const modelOf = (partKey: string): string => partKey.slice(0, Math.max(0, partKey.indexOf("/")));

function byModel<T extends readonly [key: string, ...rest: unknown[]]>(
  batch: readonly T[],
): Map<string, T[]> {
  const models = new Map<string, T[]>();
  for (const entry of batch) {
    const own = models.get(modelOf(entry[0]));
    if (own) own.push(entry);
    else models.set(modelOf(entry[0]), [entry]);
  }
  return models;
}

/**
 * idb-keyval's setMany rejects with the transaction's error at a time when a failed request has not yet set it;
 * the abort event comes after, with the cause (QuotaExceededError).
 */
function putAll(use: UseStore, entries: readonly (readonly [string, PartEntry])[]): Promise<void> {
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
    if (isQuota(cause))
      throw new WebMoEError(
        "quota",
        "The browser gives this site no more storage. Free disk space or delete a stored model.",
        { cause },
      );
    throw cause;
  }
}

const isQuota = (error: unknown): boolean => error instanceof Error && error.name === "QuotaExceededError";

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
