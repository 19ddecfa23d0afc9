import type { Library } from "../experts/library.ts";
import type { Hyperparameters } from "../model/plan.ts";
import { type GuessBy, prefetchPlanner } from "../residency/prefetch-planner.ts";
import { createPrefetcher, type Prefetcher } from "../residency/prefetcher.ts";
import { everyExpertFits } from "../residency/slot-budget.ts";
import type { Core } from "../wasm/core.ts";

/** Expert bytes that may be on their way on a guess; half of the host tier where that is less. */
const MAX_PREFETCH_BYTES = 32 * 1024 * 1024;

export interface PrefetchOptions {
  readonly hyperparameters: Hyperparameters;
  readonly core: Core;
  readonly library: Library;
  /** Slots by layer. */
  readonly counts: Uint32Array;
  /** Bytes of a record by layer; 0 where it is dense. */
  readonly recordBytes: readonly number[];
  /** Bytes of the host tier, where guessed records wait. */
  readonly hostBudget: number;
  readonly guessBy: GuessBy | "none";
}

/** Fetches ahead for one model; undefined where nothing is to be guessed, every expert has a slot, or the host tier holds too little. */
export function prefetcherFor(options: PrefetchOptions): Prefetcher | undefined {
  const { hyperparameters, core, library, counts, recordBytes, hostBudget, guessBy } = options;
  const { expertCount } = hyperparameters;
  const maxBytes = Math.min(MAX_PREFETCH_BYTES, hostBudget / 2);
  if (guessBy === "none" || everyExpertFits(counts, expertCount) || maxBytes < Math.max(...recordBytes))
    return undefined;
  return createPrefetcher({
    planner: prefetchPlanner({ ...hyperparameters, ...core, guessBy }),
    slots: core.slots,
    provider: library,
    // Reading the store costs this thread what it would save: verifying is most of it.
    atHand: (layer, expert) =>
      library.residentInHost(layer, expert) || library.residentInStore(layer, expert),
    fetchedBytes: () => library.counters().networkBytes,
    recordBytes,
    maxBytes,
  });
}
