import { type ByteRange, coalesce, type RangeGroup } from "./coalesce.ts";
import { onAbort } from "./on-abort.ts";
import { createSharing, type Urgency } from "./share.ts";
import { abortedError } from "./source/checks.ts";
import type { Source } from "./source/source.ts";

/** Browsers open no more connections to a host over HTTP/1.1. */
export const MAX_REQUESTS = 6;

/** Prefetch leaves these free, so that demand never waits for a whole prefetch to end. */
const DEMAND_REQUESTS = 2;

/** Bytes on their way at a time, unless a single request is larger. */
const MAX_BYTES_IN_FLIGHT = 24 * 1024 * 1024;

export interface FetchQueue {
  /**
   * Bytes of a file. Waiting ranges that lie together come in one request; equal ranges are fetched once.
   * The bytes may be a view of a larger request: read them, do not keep them.
   */
  fetch(
    file: number,
    range: ByteRange,
    options: { readonly urgency: Urgency; readonly signal?: AbortSignal | undefined },
  ): Promise<Uint8Array>;
  /** Tells that an urgency has changed. */
  urgencyChanged(): void;
  /** Resolves when no demand is waiting or on its way. */
  demandSettled(signal?: AbortSignal): Promise<void>;
  /** Ends everything with `aborted`. */
  close(): void;
}

interface Entry extends ByteRange {
  readonly file: number;
  readonly urgency: Urgency;
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
  /** Nobody waits any more. */
  dropped: boolean;
}

/** What reads from sources: bounded in requests and bytes, demand before prefetch. */
export function createFetchQueue({
  sources,
  onFetched,
}: {
  readonly sources: readonly Source[];
  /** Called with the file and size of every request that arrived. */
  readonly onFetched: (file: number, bytes: number) => void;
}): FetchQueue {
  const sharing = createSharing<Uint8Array>();
  /** In order of arrival. */
  const waiting = new Set<Entry>();
  const onTheirWay = new Set<Entry>();
  let requests = 0;
  let bytesInFlight = 0;
  let pumpScheduled = false;
  const settledListeners = new Set<() => void>();

  /** At the end of the current turn, so that ranges asked for together are seen together. */
  function schedulePump(): void {
    if (pumpScheduled) return;
    pumpScheduled = true;
    queueMicrotask(() => {
      pumpScheduled = false;
      pump();
    });
  }

  function nextLead(): Entry | undefined {
    let prefetch: Entry | undefined;
    for (const entry of waiting) {
      if (entry.urgency.demand) return entry;
      prefetch ??= entry;
    }
    return requests < MAX_REQUESTS - DEMAND_REQUESTS ? prefetch : undefined;
  }

  function pump(): void {
    while (requests < MAX_REQUESTS) {
      const lead = nextLead();
      if (!lead) break;
      const peers = [...waiting].filter(
        ({ file, urgency }) => file === lead.file && urgency.demand === lead.urgency.demand,
      );
      const group = coalesce(peers).find(({ members }) => members.includes(lead))!;
      if (requests > 0 && bytesInFlight + group.length > MAX_BYTES_IN_FLIGHT) break;
      void run(lead.file, group);
    }
    if (!hasDemand()) for (const listener of [...settledListeners]) listener();
  }

  async function run(file: number, { offset, length, members }: RangeGroup<Entry>): Promise<void> {
    const controller = new AbortController();
    for (const entry of members) {
      waiting.delete(entry);
      onTheirWay.add(entry);
      abortWhenDropped.set(entry, () => {
        if (members.every(({ dropped }) => dropped)) controller.abort();
      });
    }
    requests++;
    bytesInFlight += length;
    try {
      const bytes = await sources[file]!.read(offset, length, controller.signal);
      onFetched(file, length);
      for (const entry of members) {
        const start = entry.offset - offset;
        entry.resolve(bytes.subarray(start, start + entry.length));
      }
    } catch (error) {
      for (const entry of members) entry.reject(error);
    } finally {
      for (const entry of members) onTheirWay.delete(entry);
      requests--;
      bytesInFlight -= length;
      schedulePump();
    }
  }
  const abortWhenDropped = new WeakMap<Entry, () => void>();

  function enqueue(
    file: number,
    range: ByteRange,
    urgency: Urgency,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const entry: Entry = { file, ...range, urgency, resolve, reject, dropped: false };
      waiting.add(entry);
      onAbort(signal, () => {
        entry.dropped = true;
        waiting.delete(entry);
        reject(abortedError());
        abortWhenDropped.get(entry)?.();
        schedulePump();
      });
    });
  }

  const hasDemand = (): boolean =>
    [...waiting, ...onTheirWay].some(({ urgency, dropped }) => urgency.demand && !dropped);

  return {
    fetch(file, { offset, length }, { urgency, signal }) {
      // A caller that joins may have made a waiting range urgent.
      schedulePump();
      return sharing.share(`${file}:${offset}:${length}`, urgency.demand, signal, (shared, runSignal) =>
        enqueue(file, { offset, length }, mostUrgent(shared, urgency), runSignal),
      );
    },
    urgencyChanged: schedulePump,
    demandSettled(signal) {
      if (signal?.aborted) return Promise.reject(abortedError());
      if (!hasDemand()) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const end = (action: () => void): void => {
          settledListeners.delete(settled);
          unlink();
          action();
        };
        const settled = (): void => end(resolve);
        const cancel = (): void => end(() => reject(abortedError()));
        settledListeners.add(settled);
        const unlink = onAbort(signal, cancel);
      });
    },
    close: () => sharing.abortAll(),
  };
}

/** Demand as soon as one of the two is; the caller's own may still change. */
function mostUrgent(shared: Urgency, caller: Urgency): Urgency {
  return {
    get demand() {
      return shared.demand || caller.demand;
    },
  };
}
