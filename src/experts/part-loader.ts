import { hasCode, throwIfAborted, WebMoEError } from "../api/errors.ts";
import type { Core } from "../wasm/core.ts";
import { createFetchQueue, type FetchQueue } from "./fetch-queue.ts";
import type { LibraryCounters } from "./parts.ts";
import type { Part } from "./segments.ts";
import type { Urgency } from "./share.ts";
import type { Source } from "./source/source.ts";
import type { PartStore, StoredPart } from "./store/store.ts";
import { createStoreWriter } from "./store-writer.ts";
import type { TabGroup } from "./tabs/group.ts";

export interface LibraryReport extends LibraryCounters {
  /** What serves the bytes of stored parts; undefined until that has been measured. */
  payloads: "indexeddb" | "opfs" | "memory" | undefined;
  /** 1 if the store failed or filled up, and parts are kept in memory at most. */
  storeFailures: number;
}

/** Brings parts from store or source, verified, and keeps what came over a network. */
export interface PartLoader extends Pick<FetchQueue, "demandSettled" | "urgencyChanged" | "close"> {
  readonly counters: LibraryReport;
  readonly storeFailure: WebMoEError | undefined;
  /** True if the part is in the store, its transaction ended. */
  isStored(key: string): boolean;
  /** True if the part need not be fetched: it is in the store or its fallback. */
  isAtHand(key: string): boolean;
  /** Takes up what is in the store without this loader's doing. */
  noteStored(keys: readonly string[]): void;
  /** Packed bytes of the parts, which are read-only: the store's writer and the host tier share them. */
  load(parts: readonly Part[], urgency: Urgency, signal: AbortSignal): Promise<Uint8Array[]>;
  /** Stores bytes that are no matrix. */
  keep(key: string, bytes: Uint8Array): Promise<void>;
  /** Drops from what is known to be stored the keys that are not among `stored`. */
  forgetAllBut(stored: readonly string[]): void;
  /** True if a stored part is what `fresh` holds at its place. */
  sameContent(part: Part, fresh: Source, signal: AbortSignal): Promise<boolean>;
  /** Runs a write; a failure ends storing instead of being thrown. */
  tryStore(write: () => Promise<void>): Promise<void>;
  flush(): Promise<void>;
}

export function createPartLoader({
  files,
  store,
  core,
  tabs,
  byteLengthOf,
  onVanished,
  onStoreFailure,
}: {
  readonly files: readonly Source[];
  readonly store: PartStore;
  readonly core: Pick<Core, "checksum" | "repack">;
  /** Who may fetch; others have it fetched, and read the store. */
  readonly tabs: () => TabGroup;
  /** Bytes of a stored part, 0 for a key that the model does not have. */
  readonly byteLengthOf: (key: string) => number;
  /** Called when a part is not in the store any more that was. */
  readonly onVanished: () => void;
  readonly onStoreFailure?: ((error: WebMoEError) => void) | undefined;
}): PartLoader {
  const counters: LibraryReport = {
    networkBytes: 0,
    storeBytes: 0,
    hostBytes: 0,
    hostHits: 0,
    hostMisses: 0,
    healedParts: 0,
    storedBytes: 0,
    storableBytes: 0,
    hostTierBytes: 0,
    storeFailures: 0,
    payloads: store.payloads(),
  };
  const storedKeys = new Set<string>();
  const fallbackKeys = new Set<string>();
  let storeFailure: WebMoEError | undefined;

  const queue = createFetchQueue({
    sources: files,
    onFetched(file, bytes) {
      if (files[file]!.remote) counters.networkBytes += bytes;
    },
  });

  function fail(cause: unknown): void {
    if (storeFailure) return;
    storeFailure =
      cause instanceof WebMoEError
        ? cause
        : new WebMoEError(
            "quota",
            `The part store failed: ${String(cause)}. Parts are kept in memory, where there is room.`,
            { cause },
          );
    counters.storeFailures++;
    writer.giveUp();
    // What cannot be stored cannot be shared.
    tabs().leave();
    onStoreFailure?.(storeFailure);
  }

  const writer = createStoreWriter({
    store,
    onWritten(parts, target) {
      const keys = parts.map(([key]) => key);
      if (target === store) {
        noteStored(keys);
        tabs().announce(keys);
      } else for (const key of keys) fallbackKeys.add(key);
    },
    onFailure: fail,
  });

  async function keep(key: string, bytes: Uint8Array): Promise<void> {
    if (writer.storing) await writer.write(key, { bytes, checksum: core.checksum(bytes) });
  }

  function noteStored(keys: readonly string[]): void {
    for (const key of keys) {
      const byteLength = storedKeys.has(key) ? 0 : byteLengthOf(key);
      if (byteLength === 0) continue;
      storedKeys.add(key);
      counters.storedBytes += byteLength;
    }
  }

  function forget(key: string): void {
    fallbackKeys.delete(key);
    if (storedKeys.delete(key)) counters.storedBytes -= byteLengthOf(key);
  }

  const isAtHand = (key: string): boolean => storedKeys.has(key) || fallbackKeys.has(key);

  const isIntact = (part: Part, { bytes, checksum }: StoredPart): boolean =>
    bytes instanceof Uint8Array && bytes.length === part.byteLength && core.checksum(bytes) === checksum;

  /** One transaction; where it fails, part by part, so that one unreadable value costs one part. */
  async function readStore(
    from: PartStore,
    keys: readonly string[],
  ): Promise<(StoredPart | undefined | "unreadable")[]> {
    try {
      return await from.getParts(keys);
    } catch {
      return Promise.all(
        keys.map(async (key) => {
          try {
            return (await from.getParts([key]))[0];
          } catch {
            return "unreadable" as const;
          }
        }),
      );
    }
  }

  /** What of `parts` is at hand and intact. Damaged parts are deleted and named in `damaged`. */
  async function fromStore(parts: readonly Part[], damaged: Set<Part>): Promise<Map<Part, Uint8Array>> {
    const found = new Map<Part, Uint8Array>();
    const stored: Part[] = [];
    const fallen: Part[] = [];
    for (const part of parts) {
      const pending = writer.pending(part.key);
      if (pending) found.set(part, pending.bytes);
      else if (storedKeys.has(part.key)) stored.push(part);
      else if (fallbackKeys.has(part.key)) fallen.push(part);
    }
    if (stored.length > 0) await readParts(store, stored, found, damaged);
    if (fallen.length > 0 && store.fallback) await readParts(store.fallback, fallen, found, damaged);
    return found;
  }

  async function readParts(
    from: PartStore,
    parts: readonly Part[],
    found: Map<Part, Uint8Array>,
    damaged: Set<Part>,
  ): Promise<void> {
    const values = await readStore(
      from,
      parts.map(({ key }) => key),
    );
    const unusable: string[] = [];
    let vanished = false;
    for (const [i, part] of parts.entries()) {
      const value = values[i];
      if (value === undefined) {
        // Deleted meanwhile, by another tab or the user.
        forget(part.key);
        vanished = true;
      } else if (value === "unreadable" || !isIntact(part, value)) {
        forget(part.key);
        unusable.push(part.key);
        damaged.add(part);
        counters.healedParts++;
      } else {
        counters.storeBytes += value.bytes.length;
        found.set(part, value.bytes);
      }
    }
    if (unusable.length > 0) await from.deleteParts(unusable).catch(fail);
    if (vanished) onVanished();
  }

  /** Errors: `bad-gguf`, with the tensor named. */
  function repack({ spec, rowStart, rowCount }: Part, raw: Uint8Array): Uint8Array {
    try {
      return core.repack(spec.type, raw, rowCount, spec.cols);
    } catch (cause) {
      if (!(cause instanceof WebMoEError)) throw cause;
      const rows = `rows ${rowStart} to ${rowStart + rowCount - 1}`;
      throw new WebMoEError(cause.code, `Tensor ${spec.name}, ${rows}: ${cause.message}`, { cause });
    }
  }

  async function fromSource(
    part: Part,
    urgency: Urgency,
    signal: AbortSignal,
    wasDamaged: boolean,
  ): Promise<Uint8Array> {
    const range = { offset: part.offset, length: part.fileBytes };
    let raw: Uint8Array;
    try {
      raw = await queue.fetch(part.file, range, { urgency, signal });
    } catch (cause) {
      if (!wasDamaged || !(cause instanceof WebMoEError) || cause.code === "aborted") throw cause;
      throw new WebMoEError(
        "corrupt-part",
        `A stored part of ${part.spec.name} is damaged and could not be fetched again: ${cause.message}`,
        { cause },
      );
    }
    const bytes = repack(part, raw);
    if (files[part.file]!.remote) await keep(part.key, bytes);
    return bytes;
  }

  return {
    counters,
    get storeFailure() {
      return storeFailure;
    },
    isStored: (key) => storedKeys.has(key),
    isAtHand,
    noteStored,
    forgetAllBut(stored) {
      const kept = new Set(stored);
      for (const key of [...storedKeys]) if (!kept.has(key)) forget(key);
    },
    async load(parts, urgency, signal) {
      const damaged = new Set<Part>();
      // Without a wait where nothing is stored, so that records asked for in one turn are fetched together.
      const known = parts.some(({ key }) => isAtHand(key) || writer.pending(key));
      const found = known ? await fromStore(parts, damaged) : new Map<Part, Uint8Array>();
      const missing = parts.filter((part) => !found.has(part) && files[part.file]!.remote);
      if (missing.length > 0 && !tabs().leads) {
        await tabs().ask(
          missing.map(({ key }) => key),
          urgency,
          signal,
        );
        for (const [part, bytes] of await fromStore(missing, damaged)) found.set(part, bytes);
      }
      throwIfAborted(signal);
      return Promise.all(
        parts.map((part) => found.get(part) ?? fromSource(part, urgency, signal, damaged.has(part))),
      );
    },
    keep,
    async sameContent(part, fresh, signal) {
      const [stored] = await readStore(store, [part.key]);
      if (stored === undefined || stored === "unreadable") return true;
      const raw = await fresh.read(part.offset, part.fileBytes, signal);
      try {
        return core.checksum(repack(part, raw)) === stored.checksum;
      } catch (error) {
        if (hasCode(error, "bad-gguf")) return false;
        throw error;
      }
    },
    async tryStore(write) {
      if (!storeFailure) await write().catch(fail);
    },
    demandSettled: queue.demandSettled,
    urgencyChanged() {
      queue.urgencyChanged();
      tabs().urgencyChanged();
    },
    flush: writer.flush,
    close: queue.close,
  };
}
