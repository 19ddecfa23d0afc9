import { reserve } from "../memory";
import { demandBytes, demandObserve, demandOf, demandReset } from "./demand";
import { evictionBytes, evictionObserve, evictionReset, evictionScore } from "./eviction";

/**
 * Slot tables of all layers. A layer that is full gives the slot of the expert whose eviction score (eviction.ts)
 * is lowest, ties to the lowest id; finding it is one walk over the layer's slots, which is nothing beside the
 * record that is about to be copied.
 *
 * ```
 * counts          [layers] slots
 * slot rows       [layers × expertCount] expert in the slot, or ABSENT
 * tables          [layers × expertCount] slot of the expert, or ABSENT
 * kept            [expertCount] the call that named the expert in `keep`
 * eviction        what the policy remembers
 * demand          what slots are worth to layers (demand.ts)
 * ```
 */

const ABSENT: u32 = 0xffffffff;

let capacity: usize = 0;
let area: usize = 0;
let layers: usize = 0;
let rows: usize = 0;
let tables: usize = 0;
let kept: usize = 0;
let experts: u32 = 0;
/** Whether some layer may have to evict: otherwise there is nothing to learn. */
let learns: bool = false;
let call: u32 = 0;
let lost: u32 = ABSENT;

function slotCount(layer: u32): u32 {
  return load<u32>(layers + ((layer as usize) << 2));
}

function row(layer: u32, slot: u32): usize {
  return rows + (((layer as usize) * (experts as usize) + (slot as usize)) << 2);
}

function tableEntry(layer: u32, expert: u32): usize {
  return tables + (((layer as usize) * (experts as usize) + (expert as usize)) << 2);
}

/**
 * Forgets everything: no layer has a slot until `slotsResize` gives it some, and they are evicted as `policy`
 * (eviction.ts) says. `mayEvict` is false if every expert will have a slot. Returns false if memory cannot grow.
 */
export function slotsReset(layerCount: u32, expertCount: u32, policy: u32, mayEvict: bool): bool {
  const layerBytes = (layerCount as usize) << 2;
  const tableBytes = ((layerCount as usize) * (expertCount as usize)) << 2;
  const keptBytes = (expertCount as usize) << 2;
  const own = (layerBytes + 2 * tableBytes + keptBytes + 7) & ~7;
  const learnt = (evictionBytes(policy, layerCount, expertCount) + 7) & ~7;
  const needed = own + learnt + demandBytes(layerCount, expertCount);
  if (needed > capacity) {
    const fresh = reserve(needed);
    if (fresh == 0) return false;
    area = fresh;
    capacity = needed;
  }
  layers = area;
  rows = layers + layerBytes;
  tables = rows + tableBytes;
  kept = tables + tableBytes;
  experts = expertCount;
  learns = mayEvict;
  call = 0;
  memory.fill(layers, 0, layerBytes);
  memory.fill(rows, 0xff, 2 * tableBytes);
  memory.fill(kept, 0, keptBytes);
  evictionReset(policy, area + own, layerCount, expertCount);
  demandReset(area + own + learnt, layerCount, expertCount);
  return true;
}

/** Gives a layer `count` slots, all free: at most one an expert. What was learnt of the layer stays. */
export function slotsResize(layer: u32, count: u32): void {
  const bytes = (experts as usize) << 2;
  store<u32>(layers + ((layer as usize) << 2), count);
  memory.fill(row(layer, 0), 0xff, bytes);
  memory.fill(tableEntry(layer, 0), 0xff, bytes);
}

export function slotsLookup(layer: u32, expert: u32): u32 {
  return load<u32>(tableEntry(layer, expert));
}

/** As `evictionObserve`, where some layer may have to evict. A single token tells what slots are worth, too. */
export function slotsObserve(layer: u32, tokens: usize, ids: usize, weights: usize, rows: u32, k: u32): void {
  if (!learns) return;
  if (rows == 1) demandObserve(layer, ids, k);
  evictionObserve(layer, tokens, ids, weights, rows, k);
}

/** Address of what each further slot is worth to a layer: [expertCount] f64 (demand.ts). */
export function slotsDemand(layer: u32): usize {
  return demandOf(layer);
}

/** The slot given to the expert, or ABSENT if all are kept; `slotsLost` then tells who lost it. */
export function slotsPlace(layer: u32, expert: u32, keep: usize, keepCount: u32): u32 {
  lost = ABSENT;
  const held = slotsLookup(layer, expert);
  if (held != ABSENT) return held;
  if (++call == 0) {
    // The counter wrapped: marks of four billion calls ago must not count.
    memory.fill(kept, 0, (experts as usize) << 2);
    call = 1;
  }
  for (let i: u32 = 0; i < keepCount; i++) {
    const id = load<u32>(keep + ((i as usize) << 2));
    if (id < experts) store<u32>(kept + ((id as usize) << 2), call);
  }
  const count = slotCount(layer);
  let slot = ABSENT;
  let lowest: f64 = 0;
  for (let candidate: u32 = 0; candidate < count; candidate++) {
    const holder = load<u32>(row(layer, candidate));
    if (holder == ABSENT) {
      slot = candidate;
      lost = ABSENT;
      break;
    }
    if (load<u32>(kept + ((holder as usize) << 2)) == call) continue;
    const score = evictionScore(layer, holder);
    if (slot == ABSENT || score < lowest || (score == lowest && holder < lost)) {
      slot = candidate;
      lowest = score;
      lost = holder;
    }
  }
  if (slot == ABSENT) return ABSENT;
  if (lost != ABSENT) store<u32>(tableEntry(layer, lost), ABSENT);
  store<u32>(row(layer, slot), expert);
  store<u32>(tableEntry(layer, expert), slot);
  return slot;
}

/** Who lost the slot in the last `slotsPlace`, or ABSENT. */
export function slotsLost(): u32 {
  return lost;
}

export function slotsEvict(layer: u32, expert: u32): void {
  const slot = slotsLookup(layer, expert);
  if (slot == ABSENT) return;
  store<u32>(tableEntry(layer, expert), ABSENT);
  store<u32>(row(layer, slot), ABSENT);
}

/** Address of a layer's table [expertCount]. */
export function slotsTable(layer: u32): usize {
  return tableEntry(layer, 0);
}
