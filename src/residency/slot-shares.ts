import type { SlotTables } from "../wasm/core.ts";

/** What is known when a model's slots are shared out anew. */
export interface SlotDemand {
  /** Bytes of one slot in each layer, 0 for a dense layer. */
  readonly slotBytes: readonly number[];
  readonly expertCount: number;
  /** Bytes. */
  readonly budget: number;
  /** Slots that every layer keeps. */
  readonly least: number;
  /** `SlotTables.demand` by layer. */
  readonly demand: readonly Float64Array[];
}

/**
 * Slots per layer that would have found the most picks: each next slot goes where it is worth most a byte, ties to
 * the lower layer. A layer's worths are first levelled so that they fall with every slot (pool adjacent violators);
 * the greatest sum is then found greedily, up to the last slot's bytes.
 */
export function measuredCounts(options: SlotDemand): Uint32Array {
  const { slotBytes, expertCount, budget, least, demand } = options;
  const counts = Uint32Array.from(slotBytes, (bytes) => (bytes > 0 ? least : 0));
  let left = slotBytes.reduce((bytes, slot) => bytes - slot * least, budget);
  const offers = slotBytes.flatMap((bytes, layer) =>
    bytes === 0
      ? []
      : levelled(demand[layer]!.subarray(least, expertCount)).map((worth) => ({
          layer,
          bytes,
          perByte: worth / bytes,
        })),
  );
  // The sort is stable: a layer's slots stay in their order.
  offers.sort((a, b) => b.perByte - a.perByte || a.layer - b.layer);
  const full = new Set<number>();
  for (const { layer, bytes } of offers) {
    if (full.has(layer)) continue;
    if (bytes > left) full.add(layer);
    else {
      counts[layer]! += 1;
      left -= bytes;
    }
  }
  return counts;
}

/** The non-increasing sequence nearest to `values`. */
function levelled(values: Float64Array): number[] {
  const blocks: { sum: number; size: number }[] = [];
  for (const value of values) {
    let block = { sum: value, size: 1 };
    for (
      let last = blocks.at(-1);
      last && last.sum * block.size < block.sum * last.size;
      last = blocks.at(-1)
    ) {
      blocks.pop();
      block = { sum: last.sum + block.sum, size: last.size + block.size };
    }
    blocks.push(block);
  }
  return blocks.flatMap(({ sum, size }) => new Array<number>(size).fill(sum / size));
}

/** Tokens that shares are expected to last for: what they save in that time must be more than the records they move. */
const HORIZON = 1024;
/** Demand of fewer tokens says little. */
const LEAST_TOKENS = 64;

/**
 * Other shares, if in `HORIZON` tokens they save more records than bringing all of theirs in again takes; otherwise
 * undefined. They keep to the budget, and to slots for all experts of a token where there are as many now.
 */
export function betterCounts(
  slots: SlotTables,
  current: Uint32Array,
  options: Omit<SlotDemand, "demand" | "least"> & { readonly expertsPerToken: number },
): Uint32Array | undefined {
  const { slotBytes, expertCount, expertsPerToken } = options;
  const routed = slotBytes.flatMap((bytes, layer) => (bytes > 0 ? [layer] : []));
  if (routed.every((layer) => current[layer]! >= expertCount)) return undefined;
  const demand = slotBytes.map((_, layer) => slots.demand(layer));
  const fewest = Math.min(...routed.map((layer) => current[layer]!));
  const next = measuredCounts({ ...options, demand, least: Math.min(fewest, expertsPerToken) });
  let [saved, picks] = [0, 0];
  demand.forEach((worths, layer) => {
    worths.forEach((worth, rank) => {
      picks += worth;
      saved += worth * (Number(rank < next[layer]!) - Number(rank < current[layer]!));
    });
  });
  const tokens = picks / (routed.length * expertsPerToken);
  const records = next.reduce((sum, count) => sum + count, 0);
  return tokens >= LEAST_TOKENS && (saved / tokens) * HORIZON > records ? next : undefined;
}
