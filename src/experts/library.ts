/**
 * `experts` brings a model's bytes in, verified, from wherever they are: host tier, store, source.
 *
 * ```
 * identity      which model is it, what is stored of it       source/  HTTP ranges, Blobs, files on disk
 * library       records and trunk, by tier                    store/   persisted parts: IndexedDB, memory
 * part-loader   parts from store or source, healed            segments where parts lie and what they are called
 * fetch-queue   demand before prefetch, merged, shared        store-writer  writes behind, in batches
 * ```
 *
 * It knows parts, rows and bytes; no GGUF, no kernel, no GPU.
 */
import { WebMoEError } from "../api/errors.ts";
import type { TensorSpec } from "../model/plan.ts";
import type { PackedRows } from "../model/quantization.ts";
import type { Core } from "../wasm/core.ts";
import { createHostTier } from "./host-tier.ts";
import type { OpenedModel } from "./identity.ts";
import { onAbort } from "./on-abort.ts";
import { createPartLoader, type LibraryReport } from "./part-loader.ts";
import type { ExpertRecord, PartDirectory, RecordProvider } from "./parts.ts";
import {
  type ExpertPart,
  headerKey,
  type Part,
  packedRows,
  partPrefix,
  recordParts,
  trunkParts,
} from "./segments.ts";
import { createSharing } from "./share.ts";
import { abortedError } from "./source/checks.ts";
import type { Source } from "./source/source.ts";
import type { PartStore } from "./store/store.ts";

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
  /** True if the record is in the host tier. */
  residentInHost(layer: number, expert: number): boolean;
  /** True if the whole record is in the store; local files are never copied there. */
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

  const loader = createPartLoader({
    files,
    store,
    core,
    storedKeys: new Set(await store.partKeys(partPrefix(key)).catch((): string[] => [])),
    onStoreFailure: options.onStoreFailure,
  });
  loader.counters.healedParts += model.damagedHeaders;

  const isRemote = ({ file }: { readonly file: number }): boolean => files[file]!.remote;

  /** Trunk parts as they follow each other in the files. */
  const trunkInFileOrder: readonly Part[] = directory.trunk
    .flatMap((location) => trunkParts(key, location))
    .sort((a, b) => a.file - b.file || a.offset - b.offset);

  function partsOf(layer: number, expert: number): ExpertPart[] | undefined {
    const location = directory.record(layer, expert);
    return location && recordParts(key, location);
  }

  function* expertParts(layer: number): Generator<ExpertPart[]> {
    for (let expert = 0; expert < directory.expertCount; expert++) {
      const parts = partsOf(layer, expert);
      if (parts) yield parts;
    }
  }

  /** Not a list, as a large model has tens of thousands. */
  function* everyPart(): Generator<Part> {
    yield* trunkInFileOrder;
    for (let layer = 0; layer < directory.layerCount; layer++)
      for (const parts of expertParts(layer)) yield* parts;
  }

  let storableParts = 0;
  for (const part of everyPart()) {
    if (!isRemote(part)) continue;
    storableParts++;
    loader.counters.storableBytes += part.byteLength;
    if (loader.isStored(part.key)) loader.counters.storedBytes += part.byteLength;
  }
  for (const [index, file] of files.entries()) {
    const header = file.takeHeader();
    if (!file.remote || header.length === 0) continue;
    storableParts++;
    loader.counters.storableBytes += header.length;
    if (loader.isStored(headerKey(key, index))) loader.counters.storedBytes += header.length;
    else await loader.keep(headerKey(key, index), header);
  }

  /** True if up to three stored parts of the file, of which there must be one, are still what the file holds. */
  async function sameParts(file: number, fresh: Source, signal: AbortSignal): Promise<boolean> {
    await loader.flush();
    const stored = [...everyPart()].filter((part) => part.file === file && loader.isStored(part.key));
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
  await saveManifest();

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
    const batches = batchesOf(trunkInFileOrder, TRUNK_BATCH_BYTES);
    const total = trunkInFileOrder.reduce((sum, part) => sum + part.byteLength, 0);
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
    const parts = partsOf(layer, expert);
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

  /** The trunk, then layer after layer with whole records together. */
  function* completionOrder(): Generator<readonly Part[]> {
    yield trunkInFileOrder;
    for (let layer = 0; layer < directory.layerCount; layer++) yield [...expertParts(layer)].flat();
  }

  const lacking = (parts: readonly Part[]): Part[] =>
    parts.filter((part) => isRemote(part) && !loader.isStored(part.key));

  async function complete(caller?: AbortSignal, onProgress?: ByteProgress): Promise<void> {
    const { signal, unlink } = untilClosed(caller);
    const { counters } = loader;
    try {
      for (const group of completionOrder())
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
      const held = hostTier.get(layer, expert);
      if (held) {
        loader.counters.hostBytes += held.byteLength;
        return Promise.resolve(held);
      }
      const demand = priority === "demand";
      const record = records.share(`${layer}/${expert}`, demand, signal, (urgency, shared) =>
        loadRecord(layer, expert, urgency, shared),
      );
      if (demand) loader.urgencyChanged();
      return record;
    },
    residentInHost: hostTier.has,
    residentInStore: (layer, expert) =>
      partsOf(layer, expert)?.every((part) => loader.isStored(part.key)) ?? false,
    complete,
    counters: () => ({ ...loader.counters, hostTierBytes: hostTier.byteLength }),
    flush: loader.flush,
    async close() {
      closing.abort();
      records.abortAll();
      loader.close();
      await loader.flush();
      hostTier.clear();
      model.close();
    },
  };
}

const sumBytes = (parts: readonly { readonly byteLength: number }[]): number =>
  parts.reduce((sum, { byteLength }) => sum + byteLength, 0);

/** Runs of parts of at most `limit` packed bytes; a larger part is alone. */
function batchesOf<T extends Part>(parts: readonly T[], limit: number): T[][] {
  const batches: T[][] = [];
  let bytes = 0;
  for (const part of parts) {
    bytes += part.byteLength;
    if (batches.length === 0 || bytes > limit) {
      batches.push([]);
      bytes = part.byteLength;
    }
    batches.at(-1)!.push(part);
  }
  return batches;
}
