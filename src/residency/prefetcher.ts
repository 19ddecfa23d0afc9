import type { RecordProvider } from "../experts/parts.ts";
import type { SlotTables } from "../wasm/core.ts";
import { ABSENT, type Decisions } from "../wasm/decisions.ts";
import type { Foresight, PrefetchPlanner } from "./prefetch-planner.ts";
import type { GateListener, RoutingListener } from "./routing-listener.ts";

/** Fetches to the host tier what generated tokens will probably need; slots are rewritten by demand alone. */
export interface Prefetcher extends RoutingListener, GateListener {
  readonly counters: PrefetchCounters;
}

export interface PrefetchCounters {
  /** Bytes of records asked for ahead that their token then needed. */
  usefulBytes: number;
  /** Bytes of records that came ahead and that their token did not need. */
  wastedBytes: number;
}

export interface PrefetcherOptions {
  readonly planner: PrefetchPlanner;
  readonly slots: SlotTables;
  readonly provider: RecordProvider;
  /** True if there is nothing to gain by asking for the record early. */
  readonly atHand: (layer: number, expert: number) => boolean;
  /** Bytes that came from afar so far: while they stand still, there is nothing to fetch ahead. */
  readonly fetchedBytes: () => number;
  /** By layer; 0 where it is dense. */
  readonly recordBytes: readonly number[];
  /** Bytes that may be on their way at once. */
  readonly maxBytes: number;
}

interface Request {
  readonly expert: number;
  readonly abort: AbortController;
  arrived: boolean;
}

/** Fetching ahead pauses when less than this share of its bytes is useful, of late. */
const LEAST_USEFUL_SHARE = 0.15;
/** How much of a record counts after one more token, for that share. */
const MEMORY = 0.98;
/** While paused, every so many tokens are guessed, to see whether it pays again. */
const PROBE_EVERY = 16;

export function createPrefetcher(options: PrefetcherOptions): Prefetcher {
  const { planner, slots, provider, atHand, fetchedBytes, recordBytes, maxBytes } = options;
  const counters: PrefetchCounters = { usefulBytes: 0, wastedBytes: 0 };
  const requests = recordBytes.map(() => [] as Request[]);
  planner.reset();
  let tokens: Uint32Array = new Uint32Array(0);
  let before: { readonly layer: number; readonly decisions: Decisions } | undefined;
  let gates: Decisions[] = [];
  let [learning, guessing] = [false, false];
  let [pendingBytes, lastFetched, generated] = [0, 0, 0];
  let [recentUseful, recentWasted] = [0, 0];

  const foresightOf = (layer: number): Foresight => ({
    before: before?.layer === layer - 1 ? before.decisions : undefined,
    gates: gates[layer],
  });

  const ask = (layer: number): void => {
    const bytes = recordBytes[layer]!;
    const asked = requests[layer]!;
    for (const expert of planner.guess(layer, tokens[0]!, foresightOf(layer))) {
      if (pendingBytes + bytes > maxBytes) return;
      if (slots.lookup(layer, expert) !== ABSENT || atHand(layer, expert)) continue;
      if (asked.some((request) => request.expert === expert)) continue;
      const request: Request = { expert, abort: new AbortController(), arrived: false };
      asked.push(request);
      pendingBytes += bytes;
      provider
        .record(layer, expert, { priority: "prefetch", signal: request.abort.signal })
        .then(() => {
          request.arrived = true;
        })
        // A hint that failed is no failure: demand will say so if it fails too.
        .catch(() => undefined);
    }
  };

  /** The layer's picks are known: guesses are right, wrong and sent, or wrong and called off. */
  const settle = (layer: number, ids: Uint32Array | undefined): void => {
    const bytes = recordBytes[layer]!;
    for (const { expert, abort, arrived } of requests[layer]!.splice(0)) {
      pendingBytes -= bytes;
      if (ids?.includes(expert)) {
        counters.usefulBytes += bytes;
        recentUseful += bytes;
        // Its demand follows and joins it; without one nobody would hold on to it.
        continue;
      }
      abort.abort();
      if (!arrived) continue;
      counters.wastedBytes += bytes;
      recentWasted += bytes;
    }
  };

  return {
    counters,
    beginPass(phase, _position, passTokens) {
      // Guesses of a pass that failed.
      recordBytes.forEach((_, layer) => {
        settle(layer, undefined);
      });
      const fetched = fetchedBytes();
      const moving = fetched !== lastFetched;
      lastFetched = fetched;
      tokens = passTokens;
      before = undefined;
      gates = [];
      learning = moving || phase === "prefill";
      guessing = false;
      if (phase === "prefill" || !moving) return;
      recentUseful *= MEMORY;
      recentWasted *= MEMORY;
      const pays = recentUseful >= LEAST_USEFUL_SHARE * (recentUseful + recentWasted);
      guessing = pays || generated % PROBE_EVERY === 0;
      generated++;
      if (!guessing) return;
      recordBytes.forEach((bytes, layer) => {
        if (bytes > 0) ask(layer);
      });
    },
    layer(layer, decisions) {
      settle(layer, decisions.ids);
      if (learning) planner.learn(layer, tokens, decisions, foresightOf(layer));
      before = { layer, decisions };
      if (guessing && (recordBytes[layer + 1] ?? 0) > 0) ask(layer + 1);
    },
    endPass() {},
    wantsGates: () => guessing && planner.wantsGates,
    gates(layer, decisions) {
      gates[layer] = decisions;
    },
  };
}
