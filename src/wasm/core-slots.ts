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
  const resize = (counts: Uint32Array): void => {
    if (counts.length !== layers)
      throw new WebMoEError("invalid-argument", `${counts.length} slot counts for ${layers} layers.`);
    // A slot more than there are experts would never fill.
    counts.forEach((count, layer) => {
      wasm.slotsResize(layer, Math.min(count, experts));
    });
  };
  return {
    reset(counts, expertCount, policy) {
      layers = 0;
      const mayEvict = counts.some((count) => count > 0 && count < expertCount);
      const code = EVICTION_POLICIES.indexOf(policy);
      if (!wasm.slotsReset(counts.length, expertCount, code, Number(mayEvict))) {
        throw new WebMoEError(
          "out-of-memory",
          `No memory for the slot tables of ${counts.length} layers of ${expertCount} experts: close other tabs.`,
        );
      }
      layers = counts.length;
      experts = expertCount;
      resize(counts);
    },
    resize,
    lookup(layer, expert) {
      check(layer, expert);
      return wasm.slotsLookup(layer, expert) >>> 0;
    },
    observe(layer, tokens, { ids, weights }, expertsPerToken) {
      check(layer, 0);
      const rows = tokens.length;
      // Picks of a token are distinct, so a table of all experts holds them.
      if (
        ids.length !== rows * expertsPerToken ||
        weights.length !== ids.length ||
        expertsPerToken > experts ||
        ids.some((id) => id >= experts)
      )
        throw new WebMoEError(
          "invalid-argument",
          `${ids.length} picks with ${weights.length} weights are not [${rows}, ${expertsPerToken}] of ${experts} experts.`,
        );
      const [named, picks, masses] = memory.stage(tokens.byteLength, ids.byteLength, weights.byteLength) as [
        number,
        number,
        number,
      ];
      memory.write(named, tokens);
      memory.write(picks, ids);
      memory.write(masses, weights);
      wasm.slotsObserve(layer, named, picks, masses, rows, expertsPerToken);
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
    demand(layer) {
      check(layer, 0);
      return memory.f64(wasm.slotsDemand(layer) >>> 0, experts);
    },
    table(layer) {
      check(layer, 0);
      return memory.u32(wasm.slotsTable(layer) >>> 0, experts);
    },
  };
}
