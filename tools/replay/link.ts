/** What records come over: one after the other, each request's first byte after `latency`. */
export interface Link {
  /** Bytes per second. */
  readonly bandwidth: number;
  /** Seconds. */
  readonly latency: number;
}

interface Transfer {
  readonly key: number;
  readonly bytes: number;
  /** Seconds: when its first byte can come. */
  readonly ready: number;
}

/** One link in simulated time: demand goes first, and what has begun is finished. */
export interface LinkQueue {
  readonly now: number;
  readonly sentBytes: number;
  pass(seconds: number): void;
  /** Asks for a record that may be needed; harmless if it is on its way. */
  prefetch(key: number, bytes: number): void;
  /** Forgets what was asked for and has not begun, unless `keep` wants it. */
  cancel(keep: (key: number) => boolean): void;
  /** Gives up what was sent and that nobody took, if `stale` says so; returns how many records that was. */
  drop(stale: (key: number) => boolean): number;
  /** Whether the record has come; it is then the caller's. */
  take(key: number): boolean;
  /** Waits until all of these have come, and gives them to the caller; returns the seconds that took. */
  demand(keys: readonly number[], bytes: number): number;
}

export function linkQueue({ bandwidth, latency }: Link): LinkQueue {
  let now = 0;
  let free = 0;
  let sentBytes = 0;
  let waiting: Transfer[] = [];
  const arrivals = new Map<number, number>();

  const send = ({ key, bytes, ready }: Transfer): void => {
    free = Math.max(free, ready) + bytes / bandwidth;
    sentBytes += bytes;
    arrivals.set(key, free);
  };
  /** Begins what can begin before `until`, and, for demand's sake, ends before `end`. */
  const drain = (until: number, end = Number.POSITIVE_INFINITY): void => {
    for (;;) {
      const next = waiting[0];
      if (!next) return;
      const start = Math.max(free, next.ready);
      if (start >= until || start + next.bytes / bandwidth > end) return;
      waiting.shift();
      send(next);
    }
  };

  return {
    get now() {
      return now;
    },
    get sentBytes() {
      return sentBytes;
    },
    pass(seconds) {
      now += seconds;
      drain(now);
    },
    prefetch(key, bytes) {
      if (arrivals.has(key) || waiting.some((transfer) => transfer.key === key)) return;
      waiting.push({ key, bytes, ready: now + latency });
    },
    cancel(keep) {
      drain(now);
      waiting = waiting.filter(({ key }) => keep(key));
    },
    drop(stale) {
      const before = arrivals.size;
      for (const key of [...arrivals.keys()]) if (stale(key)) arrivals.delete(key);
      return before - arrivals.size;
    },
    take(key) {
      const arrived = arrivals.get(key);
      if (arrived === undefined || arrived > now) return false;
      arrivals.delete(key);
      return true;
    },
    demand(keys, bytes) {
      drain(now);
      const began = now;
      const wanted = keys.filter((key) => !arrivals.has(key));
      // What was asked for early keeps the time it has waited.
      const transfers = wanted
        .map(
          (key) => waiting.find((transfer) => transfer.key === key) ?? { key, bytes, ready: now + latency },
        )
        .sort((a, b) => a.ready - b.ready);
      waiting = waiting.filter(({ key }) => !wanted.includes(key));
      for (const transfer of transfers) {
        drain(transfer.ready, transfer.ready);
        send(transfer);
      }
      for (const key of keys) {
        now = Math.max(now, arrivals.get(key)!);
        arrivals.delete(key);
      }
      return now - began;
    },
  };
}
