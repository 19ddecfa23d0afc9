import { evictionScore } from "./eviction";

/**
 * What one more slot would be worth to each layer, measured while it decodes: how often a pick was the expert that
 * the eviction policy rates r-th of its layer, r from 0. A layer of c slots that held the best-rated experts would
 * have found the picks of ranks below c, so that the entry of rank c is what the next slot gains.
 *
 *   demand [layers × experts] f64, decaying by MEMORY a token
 */

const MEMORY: f64 = 0.9995;

let demands: usize = 0;
let experts: u32 = 0;

export function demandBytes(layerCount: u32, expertCount: u32): usize {
  return ((layerCount as usize) * (expertCount as usize)) << 3;
}

export function demandReset(area: usize, layerCount: u32, expertCount: u32): void {
  demands = area;
  experts = expertCount;
  memory.fill(area, 0, demandBytes(layerCount, expertCount));
}

/** Address of a layer's demand [experts]. */
export function demandOf(layer: u32): usize {
  return demands + (((layer as usize) * (experts as usize)) << 3);
}

/** The picks [k] of one token, before the policy learns of them. */
export function demandObserve(layer: u32, ids: usize, k: u32): void {
  const base = demandOf(layer);
  for (let rank: usize = 0; rank < (experts as usize); rank++) {
    const at = base + (rank << 3);
    store<f64>(at, load<f64>(at) * MEMORY);
  }
  for (let i: u32 = 0; i < k; i++) {
    const pick = load<u32>(ids + ((i as usize) << 2));
    const score = evictionScore(layer, pick);
    let rank: usize = 0;
    for (let expert: u32 = 0; expert < experts; expert++) {
      const other = evictionScore(layer, expert);
      if (other > score || (other == score && expert > pick)) rank++;
    }
    const at = base + (rank << 3);
    store<f64>(at, load<f64>(at) + 1);
  }
}
