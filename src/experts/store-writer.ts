import type { PartStore, StoredPart } from "./store/store.ts";

/** A batch is one transaction: large enough to be fast, small enough to lose little when a tab is closed. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_MS = 50;

/** Bytes waiting to be written; `write` waits while there are more. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024;

export interface StoreWriter {
  /** False after writes failed in the store and its fallback: nothing more is kept. */
  readonly storing: boolean;
  /** A part that is on its way to the store. */
  pending(key: string): StoredPart | undefined;
  /** Takes the part; resolves when there is room for more. Never rejects. */
  write(key: string, part: StoredPart): Promise<void>;
  /** Writes to the fallback from here on. */
  giveUp(): void;
  /** Resolves when everything taken so far is written or given up. */
  flush(): Promise<void>;
}

/** Writes behind: reads never wait for a transaction, unless memory would run full. */
export function createStoreWriter({
  store,
  onWritten,
  onFailure,
}: {
  readonly store: PartStore;
  /** Tells what is in `target` now: the store, or its fallback once the store has failed. */
  readonly onWritten: (
    parts: readonly (readonly [key: string, part: StoredPart])[],
    target: PartStore,
  ) => void;
  /** Called once, with why the store takes no more. */
  readonly onFailure: (error: unknown) => void;
}): StoreWriter {
  /** In order of arrival, those being written included. */
  const queue = new Map<string, StoredPart>();
  let pendingBytes = 0;
  let target: PartStore | undefined = store;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let writing: Promise<void> | undefined;
  let roomListeners: (() => void)[] = [];

  function nextBatch(): [string, StoredPart][] {
    const batch: [string, StoredPart][] = [];
    let bytes = 0;
    for (const entry of queue) {
      if (batch.length > 0 && bytes + entry[1].bytes.length > BATCH_BYTES) break;
      batch.push(entry);
      bytes += entry[1].bytes.length;
    }
    return batch;
  }

  function release(keys: Iterable<string>): void {
    for (const key of keys) {
      pendingBytes -= queue.get(key)?.bytes.length ?? 0;
      queue.delete(key);
    }
    if (pendingBytes > MAX_PENDING_BYTES) return;
    const listeners = roomListeners;
    roomListeners = [];
    for (const listener of listeners) listener();
  }

  function giveUp(): void {
    if (target === store) target = store.fallback;
  }

  async function drain(): Promise<void> {
    while (target && queue.size > 0) {
      const batch = nextBatch();
      const current = target;
      try {
        await current.putParts(batch);
        onWritten(batch, current);
        release(batch.map(([key]) => key));
      } catch (error) {
        // What has not been written goes to the fallback, so that none of it is fetched again.
        if (current !== store) target = undefined;
        else {
          giveUp();
          onFailure(error);
        }
      }
    }
    if (!target) release([...queue.keys()]);
    // In the same turn as the last look at the queue, or a part that arrives between would wait for nobody.
    writing = undefined;
  }

  async function startWriting(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (!writing && queue.size > 0) writing = drain();
    await writing;
  }

  return {
    get storing() {
      return target !== undefined;
    },
    pending: (key) => queue.get(key),
    async write(key, part) {
      if (!target || queue.has(key)) return;
      queue.set(key, part);
      pendingBytes += part.bytes.length;
      if (pendingBytes >= BATCH_BYTES) void startWriting();
      else timer ??= setTimeout(() => void startWriting(), BATCH_MS);
      if (pendingBytes > MAX_PENDING_BYTES)
        await new Promise<void>((resolve) => {
          roomListeners.push(resolve);
        });
    },
    giveUp,
    async flush() {
      while (queue.size > 0) await startWriting();
    },
  };
}
