import { WebMoEError } from "../api/errors.ts";
import type { ExpertBudget } from "../api/options.ts";

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Bytes of a budget; a share is rounded down, but is never less than one slot a layer. */
export function budgetBytes(budget: ExpertBudget, slotBytes: readonly number[], expertCount: number): number {
  const oneSlotEach = sum(slotBytes);
  if (budget === "min") return oneSlotEach;
  if (budget === "all") return oneSlotEach * expertCount;
  if (typeof budget === "number") return budget;
  return Math.max(oneSlotEach, Math.floor((oneSlotEach * expertCount * Number.parseFloat(budget)) / 100));
}

/** Whether each expert has a slot of its own. */
export const everyExpertFits = (counts: Uint32Array, expertCount: number): boolean =>
  counts.every((count) => count === 0 || count === expertCount);

/**
 * Slots per layer under a budget: every MoE layer gets the same number, what is left over buys one more in the
 * first layers that it reaches for. Slots are the only expert bytes on the device (records are written into them
 * from host memory), so the budget bounds their sum.
 *
 * @param slotBytes bytes of one slot in each layer, 0 for a dense layer
 * @param budget bytes
 * Errors: `budget-too-small` (naming the bytes that would do) if a layer would have no slot.
 */
export function slotCounts(slotBytes: readonly number[], expertCount: number, budget: number): Uint32Array {
  const round = sum(slotBytes);
  if (round === 0) return new Uint32Array(slotBytes.length);
  const perLayer = Math.min(expertCount, Math.floor(budget / round));
  if (perLayer < 1)
    throw new WebMoEError(
      "budget-too-small",
      `An expert budget of ${budget} bytes is too small: one slot in each layer takes ${round} bytes.`,
    );
  const counts = Uint32Array.from(slotBytes, (bytes) => (bytes > 0 ? perLayer : 0));
  if (perLayer === expertCount) return counts;
  let left = budget - perLayer * round;
  slotBytes.forEach((bytes, layer) => {
    if (bytes > 0 && bytes <= left) {
      counts[layer]! += 1;
      left -= bytes;
    }
  });
  return counts;
}
