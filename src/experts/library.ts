/**
 * `experts` brings a model's bytes in, verified, from wherever they are: host tier, store, source.
 *
 * ```
 * identity      which model is it, what is stored of it       source/  HTTP ranges, Blobs, files on disk
 * library       records and trunk, by tier                    store/   persisted parts: IndexedDB, OPFS, memory
 * part-loader   parts from store or source, healed            tabs/    one tab fetches, the others read the store
 * fetch-queue   demand before prefetch, merged, shared        store-writer  writes behind, in batches
 * catalogue     every part that a model has                   segments where parts lie and what they are called
 * ```
 *
 * It knows parts, rows and bytes; no GGUF, no kernel, no GPU.
 */
import { WebMoEError } from "../api/errors.ts";
import type { TensorSpec } from "../model/plan.ts";
import type { PackedRows } from "../model/quantization.ts";
import type { Core } from "../wasm/core.ts";
import { batchesOf, createCatalogue, sumBytes } from "./catalogue.ts";
import { createHostTier } from "./host-tier.ts";
import type { OpenedModel } from "./identity.ts";
import { onAbort } from "./on-abort.ts";
import { createPartLoader, type LibraryReport } from "./part-loader.ts";
import type { ExpertRecord, PartDirectory, RecordProvider } from "./parts.ts";
import { headerKey, type Part, packedRows, partPrefix } from "./segments.ts";
import { createSharing } from "./share.ts";
import { abortedError } from "./source/checks.ts";
import type { Source } from "./source/source.ts";
import type { PartStore } from "./store/store.ts";
import { alone, joinTabs } from "./tabs/group.ts";
import { holdModel } from "./tabs/locks.ts";

/** Trunk parts that are loaded together, in packed bytes: neighbours in the file come in one request. */
const TRUNK_BATCH_BYTES = 8 * 1024 * 1024;

/** Trunk bytes that are loaded ahead of the reader, so that fetching overlaps uploading. */
const LOOK_AHEAD_BYTES = 16 * 1024 * 1024;

/** What background completion asks for at a time: little, so that demand soon finds the way free. */
const COMPLETION_BATCH_BYTES = 4 * 1024 * 1024;

/** Parts of a file that are compared when its validator has changed. */
const SAMPLED_PARTS = 3;

export interface TrunkRows {
  readonly spec: TensorSpec;
  readonly rows: PackedRows;
}

/** Packed bytes of the trunk, or of the model in the store. */
export type ByteProgress = (loadedBytes: number, totalBytes: number) => void;

/**
 * A model's parts, wherever they are: host tier, store, source. Everything it gives was verified on the way.
 *
 * Errors: `network`, `source-changed`, `bad-gguf` (the file holds no usable weights there), `corrupt-part` (a
 * stored part is damaged and cannot be fetched again), `aborted`.
 */
export interface Library extends RecordProvider {
  /** Every trunk tensor in file order, loaded ahead of the reader; leaving the loop early stops the loading. */
  trunk(signal?: AbortSignal, onProgress?: ByteProgress): AsyncIterable<TrunkRows>;
  /** Another budget of the host tier, in bytes. */
  limitHostTier(bytes: number): void;
  /** True if the record is in the host tier. */
  residentInHost(layer: number, expert: number): boolean;
  /** True if the whole record is in the store, or its fallback; local files are never copied there. */
  residentInStore(layer: number, expert: number): boolean;
  /**
   * Fetches what the store lacks of remote files, trunk first, a few MiB at a time and only while no demand is
   * waiting. Throws `quota` if the store takes no more.
   */
  complete(signal?: AbortSignal, onProgress?: ByteProgress): Promise<void>;
  counters(): LibraryReport;
  /** Resolves when every part read so far is in the store. */
  flush(): Promise<void>;
  /** Ends what is running with `aborted`, writes what has come, closes the files. */
  close(): Promise<void>;
}

export interface LibraryOptions {
  readonly model: OpenedModel;
  readonly directory: PartDirectory;
  readonly store: PartStore;
  readonly core: Pick<Core, "checksum" | "repack">;
  /** Bytes of expert records kept in RAM; 0 keeps none. */
  readonly hostBudget: number;
  /** The model's name for lists of stored models. */
  readonly name: string;
  /** Told once if the store takes no more parts; everything goes on without it. */
  readonly onStoreFailure?: (error: WebMoEError) => void;
}

/** Opens the library after the model's header has been read through `model.files`. */
export async function openLibrary(options: LibraryOptions): Promise<Library> {
  const { model, directory, store, core, hostBudget, name } = options;
  const { files, key } = model;
  const hostTier = createHostTier(hostBudget);
  const records = createSharing<ExpertRecord>();
  const closing = new AbortController();

  const catalogue = createCatalogue(key, directory);

  // Before a look at what is stored, as another tab may be deleting it.
  const releaseModel = await holdModel(store.links, key);
  let tabs = alone;
  const loader = createPartLoader({
    files,
    store,
    core,
    tabs: () => tabs,
    byteLengthOf,
    onVanished: () => restore(),
    onStoreFailure: options.onStoreFailure,
  });
  loader.counters.healedParts += model.damagedHeaders;

  const isRemote = ({ file }: { readonly file: number }): boolean => files[file]!.remote;

  const headers = new Map(
    files.flatMap((file, index): [string, Uint8Array][] => {
      const header = file.takeHeader();
      return file.remote && header.length > 0 ? [[headerKey(key, index), header]] : [];
    }),
  );

  function byteLengthOf(partKey: string): number {
    return headers.get(partKey)?.length ?? catalogue.partOf(partKey)?.byteLength ?? 0;
  }

  const storedKeys = (): Promise<string[]> =>
    files.some(({ remote }) => remote)
      ? store.partKeys(partPrefix(key)).catch((): string[] => [])
      : Promise.resolve([]);

  async function keepHeaders(): Promise<void> {
    for (const [partKey, header] of headers)
      if (!loader.isStored(partKey)) await loader.keep(partKey, header);
  }

  loader.noteStored(await storedKeys());
  let storableParts = headers.size;
  for (const header of headers.values()) loader.counters.storableBytes += header.length;
  for (const part of catalogue.everyPart()) {
    if (!isRemote(part)) continue;
    storableParts++;
    loader.counters.storableBytes += part.byteLength;
  }

  /** True if up to three stored parts of the file, of which there must be one, are still what the file holds. */
  async function sameParts(file: number, fresh: Source, signal: AbortSignal): Promise<boolean> {
    await loader.flush();
    const stored = [...catalogue.everyPart()].filter(
      (part) => part.file === file && loader.isStored(part.key),
    );
    if (stored.length === 0) return false;
    const step = Math.max(1, (stored.length - 1) / (SAMPLED_PARTS - 1));
    for (let i = 0; i < stored.length; i += step)
      if (!(await loader.sameContent(stored[Math.round(i)]!, fresh, signal))) return false;
    return true;
  }
  files.forEach((file, index) => {
    file.setContentCheck((fresh, signal) => sameParts(index, fresh, signal));
  });

  async function saveManifest(): Promise<void> {
    if (!files.some(({ remote }) => remote)) return;
    await loader.tryStore(() =>
      store.putModel({
        key,
        name,
        addresses: files.map(({ identity }) => identity),
        validators: files.map(({ validator }) => validator),
        fileBytes: files.map(({ size }) => size),
        storableParts,
        storableBytes: loader.counters.storableBytes,
        lastUsed: Date.now(),
      }),
    );
  }
  model.onAdopted(() => void saveManifest());
  await keepHeaders();
  await saveManifest();
  // Who opens the same files next finds them in the store.
  void loader.flush().then(model.endTurn);

  let restoring = false;
  /** Somebody has deleted parts, or the whole store. */
  function restore(): void {
    if (restoring) return;
    restoring = true;
    void writeAnew().finally(() => {
      restoring = false;
    });
  }

  async function writeAnew(): Promise<void> {
    loader.forgetAllBut(await storedKeys());
    await keepHeaders();
    await saveManifest();
  }

  tabs = await joinTabs(files.some(({ remote }) => remote) ? store.links : undefined, key, {
    async serve(keys, urgency, signal) {
      const parts = keys.flatMap((each) => catalogue.partOf(each) ?? []);
      await loader.load(parts, urgency, signal);
      await loader.flush();
      return keys.filter(loader.isStored);
    },
    urgencyChanged: loader.urgencyChanged,
    onStored: loader.noteStored,
    onLead: async () => loader.noteStored(await storedKeys()),
  });

  /** The caller's signal, or the library's end. */
  function untilClosed(signal: AbortSignal | undefined): {
    signal: AbortSignal;
    abort(): void;
    unlink(): void;
  } {
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    if (signal?.aborted || closing.signal.aborted) abort();
    const links = [onAbort(signal, abort), onAbort(closing.signal, abort)];
    return {
      signal: controller.signal,
      abort,
      unlink: () => {
        for (const unlink of links) unlink();
      },
    };
  }

  async function* trunk(
    caller?: AbortSignal,
    onProgress?: ByteProgress,
  ): AsyncGenerator<TrunkRows, void, void> {
    const { signal, abort, unlink } = untilClosed(caller);
    const batches = batchesOf(catalogue.trunk, TRUNK_BATCH_BYTES);
    const total = sumBytes(catalogue.trunk);
    const ahead: { parts: readonly Part[]; bytes: Promise<Uint8Array[]>; byteLength: number }[] = [];
    let next = 0;
    let loaded = 0;
    try {
      while (next < batches.length || ahead.length > 0) {
        while (next < batches.length && sumBytes(ahead) < LOOK_AHEAD_BYTES) {
          const parts = batches[next++]!;
          const bytes = loader.load(parts, { demand: true }, signal);
          // Seen when its turn comes; until then it is no unhandled rejection.
          bytes.catch(() => undefined);
          ahead.push({ parts, bytes, byteLength: sumBytes(parts) });
        }
        const { parts, bytes } = ahead.shift()!;
        const arrived = await bytes;
        for (const [i, part] of parts.entries()) {
          yield { spec: part.spec, rows: packedRows(part, arrived[i]!) };
          loaded += part.byteLength;
          onProgress?.(loaded, total);
        }
      }
    } finally {
      abort();
      unlink();
    }
  }

  async function loadRecord(
    layer: number,
    expert: number,
    urgency: { demand: boolean },
    signal: AbortSignal,
  ): Promise<ExpertRecord> {
    const parts = catalogue.partsOf(layer, expert);
    if (!parts)
      throw new WebMoEError(
        "invalid-argument",
        `Layer ${layer} has no expert ${expert} in this model's directory.`,
      );
    const bytes = await loader.load(parts, urgency, signal);
    const record: ExpertRecord = {
      layer,
      expert,
      parts: parts.map((part, i) => ({ matrix: part.matrix, rows: packedRows(part, bytes[i]!) })),
      byteLength: sumBytes(parts),
    };
    hostTier.put(record);
    return record;
  }

  const lacking = (parts: readonly Part[]): Part[] =>
    parts.filter((part) => isRemote(part) && !loader.isStored(part.key));

  async function complete(caller?: AbortSignal, onProgress?: ByteProgress): Promise<void> {
    const { signal, unlink } = untilClosed(caller);
    const { counters } = loader;
    try {
      for (const group of catalogue.completionOrder())
        for (const batch of batchesOf(lacking(group), COMPLETION_BATCH_BYTES)) {
          await loader.demandSettled(signal);
          // Again, because demand may have brought some of it meanwhile.
          await loader.load(lacking(batch), { demand: false }, signal);
          if (loader.storeFailure) throw loader.storeFailure;
          onProgress?.(counters.storedBytes, counters.storableBytes);
        }
      await loader.flush();
      if (loader.storeFailure) throw loader.storeFailure;
      onProgress?.(counters.storedBytes, counters.storableBytes);
    } finally {
      unlink();
    }
    for (const old of model.superseded) await store.deleteModel(old).catch(() => undefined);
  }

  return {
    trunk,
    record(layer, expert, { priority, signal }) {
      if (signal?.aborted || closing.signal.aborted) return Promise.reject(abortedError());
      const demand = priority === "demand";
      const held = hostTier.get(layer, expert);
      if (demand) loader.counters[held ? "hostHits" : "hostMisses"]++;
      if (held) {
        loader.counters.hostBytes += held.byteLength;
        return Promise.resolve(held);
      }
      const record = records.share(`${layer}/${expert}`, demand, signal, (urgency, shared) =>
        loadRecord(layer, expert, urgency, shared),
      );
      if (demand) loader.urgencyChanged();
      return record;
    },
    residentInHost: hostTier.has,
    limitHostTier: hostTier.limit,
    residentInStore: (layer, expert) =>
      catalogue.partsOf(layer, expert)?.every((part) => loader.isAtHand(part.key)) ?? false,
    complete,
    counters: () => ({
      ...loader.counters,
      hostTierBytes: hostTier.byteLength,
      payloads: store.payloads(),
    }),
    flush: loader.flush,
    async close() {
      closing.abort();
      records.abortAll();
      loader.close();
      await loader.flush();
      tabs.leave();
      releaseModel?.();
      store.release?.();
      hostTier.clear();
      model.close();
    },
  };
}
