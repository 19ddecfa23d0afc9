import { reserve } from "../memory";
import { evictionBytes, evictionObserve, evictionReset, evictionScore } from "./eviction";

/**
 * Slot tables of all layers. A layer that is full gives the slot of the expert whose eviction score (eviction.ts)
 * is lowest, ties to the lowest id; finding it is one walk over the layer's slots, which is nothing beside the
 * record that is about to be copied.
 *
 * ```
 * layer records   [layers]  { first slot row, slots }
 * slot rows       [Σ counts] expert in the slot, or ABSENT
 * tables          [layers × expertCount] slot of the expert, or ABSENT
 * kept            [expertCount] the call that named the expert in `keep`
 * eviction        what the policy remembers
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
let call: u32 = 0;
let lost: u32 = ABSENT;

function layerRecord(layer: u32): usize {
  return layers + ((layer as usize) << 3);
}

function row(layer: u32, slot: u32): usize {
  return rows + (((load<u32>(layerRecord(layer)) + slot) as usize) << 2);
}

function tableEntry(layer: u32, expert: u32): usize {
  return tables + (((layer as usize) * (experts as usize) + (expert as usize)) << 2);
}

/**
 * Room for `slotCount` slots over `layerCount` layers, evicted as `policy` (eviction.ts) says. Returns false if
 * memory cannot grow; otherwise all layers have no slot until `slotsAddLayer` gives them theirs.
 */
export function slotsReset(layerCount: u32, expertCount: u32, slotCount: u32, policy: u32): bool {
  const layerBytes = (layerCount as usize) << 3;
  const rowBytes = (slotCount as usize) << 2;
  const tableBytes = ((layerCount as usize) * (expertCount as usize)) << 2;
  const keptBytes = (expertCount as usize) << 2;
  const own = (layerBytes + rowBytes + tableBytes + keptBytes + 7) & ~7;
  const needed = own + evictionBytes(policy, layerCount, expertCount);
  if (needed > capacity) {
    const fresh = reserve(needed);
    if (fresh == 0) return false;
    area = fresh;
    capacity = needed;
  }
  layers = area;
  rows = layers + layerBytes;
  tables = rows + rowBytes;
  kept = tables + tableBytes;
  experts = expertCount;
  call = 0;
  memory.fill(layers, 0, layerBytes);
  memory.fill(rows, 0xff, rowBytes + tableBytes);
  memory.fill(kept, 0, keptBytes);
  evictionReset(policy, area + own, layerCount, expertCount);
  return true;
}

/** Gives a layer `count` free slots, whose rows start at `firstRow`. */
export function slotsAddLayer(layer: u32, firstRow: u32, count: u32): void {
  const record = layerRecord(layer);
  store<u32>(record, firstRow);
  store<u32>(record, count, 4);
}

export function slotsLookup(layer: u32, expert: u32): u32 {
  return load<u32>(tableEntry(layer, expert));
}

/** As `evictionObserve`; a layer with a slot for every expert never evicts, and learns nothing. */
export function slotsObserve(layer: u32, ids: usize, weights: usize, rows: u32, k: u32): void {
  if (load<u32>(layerRecord(layer), 4) < experts) evictionObserve(layer, ids, weights, rows, k);
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
  const count = load<u32>(layerRecord(layer), 4);
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
