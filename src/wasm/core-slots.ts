import { WebMoEError } from "../api/errors.ts";
import type { EvictionPolicy } from "../api/options.ts";
import type { SlotTables } from "./core.ts";
import type { CoreExports, CoreMemory } from "./core-memory.ts";
import { ABSENT } from "./decisions.ts";

/** Positions are the codes that asm/core/dispatch/eviction.ts knows. */
export const EVICTION_POLICIES: readonly EvictionPolicy[] = ["lru", "lfu", "lru-2", "adaptive"];

/** Bounds are checked here: core.wasm itself trusts its arguments. */
export function slotTables(wasm: CoreExports, memory: CoreMemory): SlotTables {
  let layers = 0;
  let experts = 0;
  const check = (layer: number, expert: number): void => {
    if (layer >= 0 && layer < layers && expert >= 0 && expert < experts) return;
    throw new WebMoEError(
      "invalid-argument",
      `Expert ${expert} of layer ${layer} is outside the slot tables (${layers} layers, ${experts} experts).`,
    );
  };
  return {
    reset(counts, expertCount, policy) {
      const slots = counts.reduce((sum, count) => sum + count, 0);
      layers = 0;
      if (!wasm.slotsReset(counts.length, expertCount, slots, EVICTION_POLICIES.indexOf(policy))) {
        throw new WebMoEError(
          "out-of-memory",
          `No memory for slot tables of ${slots} slots: lower expertBudget.`,
        );
      }
      layers = counts.length;
      experts = expertCount;
      let row = 0;
      counts.forEach((count, layer) => {
        wasm.slotsAddLayer(layer, row, count);
        row += count;
      });
    },
    lookup(layer, expert) {
      check(layer, expert);
      return wasm.slotsLookup(layer, expert) >>> 0;
    },
    observe(layer, { ids, weights }, expertsPerToken) {
      check(layer, 0);
      const rows = ids.length / expertsPerToken;
      // Picks of a token are distinct, so a table of all experts holds them.
      if (
        !Number.isInteger(rows) ||
        weights.length !== ids.length ||
        expertsPerToken > experts ||
        ids.some((id) => id >= experts)
      )
        throw new WebMoEError(
          "invalid-argument",
          `${ids.length} picks with ${weights.length} weights are not [tokens, ${expertsPerToken}] of ${experts} experts.`,
        );
      const [picks, masses] = memory.stage(ids.byteLength, weights.byteLength) as [number, number];
      memory.write(picks, ids);
      memory.write(masses, weights);
      wasm.slotsObserve(layer, picks, masses, rows, expertsPerToken);
    },
    place(layer, expert, keep) {
      check(layer, expert);
      const [kept] = memory.stage(keep.byteLength) as [number];
      memory.write(kept, keep);
      const slot = wasm.slotsPlace(layer, expert, kept, keep.length) >>> 0;
      return slot === ABSENT ? undefined : { slot, evicted: wasm.slotsLost() >>> 0 };
    },
    evict(layer, expert) {
      check(layer, expert);
      wasm.slotsEvict(layer, expert);
    },
    table(layer) {
      check(layer, 0);
      return memory.u32(wasm.slotsTable(layer) >>> 0, experts);
    },
  };
}
