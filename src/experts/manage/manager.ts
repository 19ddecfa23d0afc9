/**
 * `manage` looks after the models in the store without loading any: lists, verifies, repairs, deletes, gives back as
 * files, takes in from files.
 *
 * ```
 * manager    the calls, each under the model's lock       verify   checksums of all that is stored
 * inventory  what is stored, and what would be            export   parts → the file they came from
 * locks      who uses which model, across tabs            import   a file → parts
 * ```
 */
import { throwIfAborted, WebMoEError } from "../../api/errors.ts";
import type { ManageOptions, StorageState, StoredModelInfo, VerifyReport } from "../../api/models.ts";
import type { Core } from "../../wasm/core.ts";
import { fileNameOfAddress } from "../source/open.ts";
import type { PartStore, StoredModel } from "../store/store.ts";
import { fileBytesOf, filePieces } from "./export.ts";
import { importFiles } from "./import.ts";
import { isForeign, type ReadLayout, takeInventory } from "./inventory.ts";
import type { ModelLocks } from "./locks.ts";
import { type Verified, verifyParts, visitParts } from "./verify.ts";

/** One file on its way out: pull its bytes, or end it. */
export interface FileExport {
  readonly name: string;
  readonly byteLength: number;
  readonly bytes: AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>;
}

/** The manager's calls, as the engine's side has them: `ModelManager` without what the worker boundary adds. */
export interface StoreManager {
  list(): Promise<StoredModelInfo[]>;
  verify(key: string, options?: ManageOptions): Promise<VerifyReport>;
  repair(key: string, options?: ManageOptions): Promise<VerifyReport>;
  delete(key: string): Promise<void>;
  export(key: string, file: number, signal?: AbortSignal): Promise<FileExport>;
  import(blobs: readonly Blob[], options?: ManageOptions): Promise<StoredModelInfo>;
  storage(): Promise<StorageState>;
}

export interface StoreManagerOptions {
  readonly store: PartStore;
  readonly core: Pick<Core, "checksum" | "repack" | "unpack">;
  readonly locks: ModelLocks;
  readonly readLayout: ReadLayout;
  /** `navigator.storage`, where there is one. */
  readonly storage?: Pick<StorageManager, "estimate" | "persisted"> | undefined;
}

/** What `load` takes again: local files have no address. */
const LOADABLE = /^(https?|hf|imported):/;

const reportOf = ({ damaged, ...counts }: Verified): VerifyReport => ({
  ...counts,
  damaged: damaged.map(({ name }) => name),
});

export function createStoreManager(options: StoreManagerOptions): StoreManager {
  const { store, core, locks, readLayout, storage } = options;

  async function known(key: string): Promise<StoredModel> {
    const model = await store.getModel(key);
    if (!model) throw new WebMoEError("invalid-argument", `No model is stored under the key ${key}.`);
    return model;
  }

  async function describe(model: StoredModel, inUse: ReadonlySet<string>): Promise<StoredModelInfo> {
    const { key, name, addresses = [], fileBytes, storableBytes, lastUsed, outdated = false } = model;
    const { keys, headers, layout, parts } = await takeInventory(store, model, readLayout);
    let storedBytes = 0;
    if (layout) {
      for (const header of headers) storedBytes += header?.bytes.length ?? 0;
      for (const part of parts) if (keys.has(part.key)) storedBytes += part.byteLength;
    } else {
      await visitParts(store, keys, undefined, (_key, part) => {
        storedBytes += part?.bytes.length ?? 0;
      });
    }
    const isLoadable = addresses.length === fileBytes.length && addresses.every((one) => LOADABLE.test(one));
    const [first] = addresses;
    const files = fileBytes.map((bytes, i) => ({
      name: fileNameOfAddress(addresses[i]) ?? `${name.replace(/[^\w.-]+/g, "-") || "model"}${i || ""}.gguf`,
      bytes,
    }));
    return {
      key,
      name,
      source: isLoadable ? (addresses.length === 1 ? first : addresses) : undefined,
      files,
      storedBytes,
      storableBytes,
      complete: layout !== undefined && storedBytes >= storableBytes,
      lastUsed,
      outdated: outdated || isForeign(key, keys),
      inUse: inUse.has(key),
    };
  }

  async function verified(key: string, manage: ManageOptions): Promise<Verified> {
    const model = await known(key);
    return verifyParts(store, core, model, await takeInventory(store, model, readLayout), manage);
  }

  async function estimate(): Promise<StorageEstimate> {
    return (await storage?.estimate().catch(() => undefined)) ?? {};
  }

  return {
    async list() {
      const inUse = await locks.held();
      const models = await Promise.all((await store.models()).map((model) => describe(model, inUse)));
      return models.sort((a, b) => b.lastUsed - a.lastUsed);
    },
    verify: (key, manage = {}) => locks.shared(key, async () => reportOf(await verified(key, manage))),
    repair: (key, manage = {}) =>
      locks.alone(key, async () => {
        const report = await verified(key, manage);
        if (report.damaged.length > 0) await store.deleteParts(report.damaged.map((part) => part.key));
        return reportOf(report);
      }),
    delete: (key) =>
      locks.alone(key, async () => {
        await known(key);
        await store.deleteModel(key);
      }),
    async export(key, file, signal) {
      const model = await known(key);
      const pieces = filePieces(model, await takeInventory(store, model, readLayout), file);
      const { files } = await describe(model, new Set());
      return {
        name: files[file]!.name,
        byteLength: model.fileBytes[file]!,
        bytes: heldWhile(locks, key, () => fileBytesOf(store, core, model, file, pieces, signal)),
      };
    },
    async import(blobs, { signal, onProgress } = {}) {
      throwIfAborted(signal);
      const { quota, usage } = await estimate();
      const room = quota === undefined ? undefined : quota - (usage ?? 0);
      const before = new Set((await store.models()).map(({ key }) => key));
      let started: string | undefined;
      try {
        const key = await importFiles(blobs, (begun) => (started = begun), {
          store,
          core,
          readLayout,
          room,
          ...(signal && { signal }),
          ...(onProgress && { onProgress }),
        });
        const model = await describe(await known(key), new Set());
        // A library goes on without its store; an import without it is none.
        if (!model.complete)
          throw new WebMoEError("quota", `The browser did not store all of ${model.name}.`);
        return model;
      } catch (error) {
        const begun = started;
        // Unless another tab opened it meanwhile, or the store itself fails: then it stays in the list.
        if (begun !== undefined && !before.has(begun))
          await locks.alone(begun, () => store.deleteModel(begun)).catch(() => undefined);
        throw error;
      }
    },
    async storage() {
      const { quota, usage } = await estimate();
      const persisted = (await storage?.persisted().catch(() => false)) ?? false;
      return { kind: store.kind, usage, quota, persisted };
    },
  };
}

/** A generator that runs under the model's shared lock from its first step to its end. */
async function* heldWhile<T>(
  locks: ModelLocks,
  key: string,
  generate: () => AsyncGenerator<T, void, void>,
): AsyncGenerator<T, void, void> {
  let release = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    release = resolve;
  });
  await new Promise<void>((resolve, reject) => {
    locks
      .shared(key, () => {
        resolve();
        return done;
      })
      .catch(reject);
  });
  try {
    yield* generate();
  } finally {
    release();
  }
}
