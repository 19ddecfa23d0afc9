import { reserve } from "../memory";

/**
 * Slot tables of all layers. The slots of a layer form one list from the most to the least recently used;
 * free slots are kept at its old end, so that looking for room is one walk from there: the first slot that is
 * free or whose expert may go.
 *
 * ```
 * layer records   [layers]  { newest, oldest, first slot row }
 * slot rows       [Σ counts] { expert, newer, older }        slots of layer l start at its first row
 * tables          [layers × expertCount] slot of the expert, or ABSENT
 * kept            [expertCount] the call that named the expert in `keep`
 * ```
 */

const ABSENT: u32 = 0xffffffff;
const LAYER_BYTES: usize = 12;
const ROW_BYTES: usize = 12;

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
  return layers + (layer as usize) * LAYER_BYTES;
}

function row(record: usize, slot: u32): usize {
  return rows + ((load<u32>(record, 8) + slot) as usize) * ROW_BYTES;
}

function tableEntry(layer: u32, expert: u32): usize {
  return tables + (((layer as usize) * (experts as usize) + (expert as usize)) << 2);
}

function unlink(record: usize, slot: u32): void {
  const at = row(record, slot);
  const newer = load<u32>(at, 4);
  const older = load<u32>(at, 8);
  if (newer == ABSENT) store<u32>(record, older);
  else store<u32>(row(record, newer), older, 8);
  if (older == ABSENT) store<u32>(record, newer, 4);
  else store<u32>(row(record, older), newer, 4);
}

function linkNewest(record: usize, slot: u32): void {
  const at = row(record, slot);
  const newest = load<u32>(record);
  store<u32>(at, ABSENT, 4);
  store<u32>(at, newest, 8);
  if (newest == ABSENT) store<u32>(record, slot, 4);
  else store<u32>(row(record, newest), slot, 4);
  store<u32>(record, slot);
}

function linkOldest(record: usize, slot: u32): void {
  const at = row(record, slot);
  const oldest = load<u32>(record, 4);
  store<u32>(at, oldest, 4);
  store<u32>(at, ABSENT, 8);
  if (oldest == ABSENT) store<u32>(record, slot);
  else store<u32>(row(record, oldest), slot, 8);
  store<u32>(record, slot, 4);
}

/**
 * Room for `slotCount` slots over `layerCount` layers. Returns false if memory cannot grow; otherwise all
 * layers have no slot until `slotsAddLayer` gives them theirs.
 */
export function slotsReset(layerCount: u32, expertCount: u32, slotCount: u32): bool {
  const layerBytes = (layerCount as usize) * LAYER_BYTES;
  const rowBytes = (slotCount as usize) * ROW_BYTES;
  const tableBytes = ((layerCount as usize) * (expertCount as usize)) << 2;
  const needed = layerBytes + rowBytes + tableBytes + ((expertCount as usize) << 2);
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
  memory.fill(layers, 0xff, layerBytes);
  memory.fill(tables, 0xff, tableBytes);
  memory.fill(kept, 0, (expertCount as usize) << 2);
  return true;
}

/** Gives a layer `count` free slots, whose rows start at `firstRow`. */
export function slotsAddLayer(layer: u32, firstRow: u32, count: u32): void {
  const record = layerRecord(layer);
  store<u32>(record, firstRow, 8);
  for (let slot: u32 = 0; slot < count; slot++) {
    store<u32>(row(record, slot), ABSENT);
    linkNewest(record, slot);
  }
}

export function slotsLookup(layer: u32, expert: u32): u32 {
  return load<u32>(tableEntry(layer, expert));
}

export function slotsTouch(layer: u32, expert: u32): void {
  const slot = slotsLookup(layer, expert);
  if (slot == ABSENT) return;
  const record = layerRecord(layer);
  unlink(record, slot);
  linkNewest(record, slot);
}

/** The slot given to the expert, or ABSENT if all are kept; `slotsLost` then tells who lost it. */
export function slotsPlace(layer: u32, expert: u32, keep: usize, keepCount: u32): u32 {
  lost = ABSENT;
  const held = slotsLookup(layer, expert);
  if (held != ABSENT) {
    slotsTouch(layer, expert);
    return held;
  }
  if (++call == 0) {
    // The counter wrapped: marks of four billion calls ago must not count.
    memory.fill(kept, 0, (experts as usize) << 2);
    call = 1;
  }
  for (let i: u32 = 0; i < keepCount; i++) {
    const id = load<u32>(keep + ((i as usize) << 2));
    if (id < experts) store<u32>(kept + ((id as usize) << 2), call);
  }
  const record = layerRecord(layer);
  let slot = load<u32>(record, 4);
  while (slot != ABSENT) {
    const holder = load<u32>(row(record, slot));
    if (holder == ABSENT) break;
    if (load<u32>(kept + ((holder as usize) << 2)) != call) {
      lost = holder;
      store<u32>(tableEntry(layer, holder), ABSENT);
      break;
    }
    slot = load<u32>(row(record, slot), 4);
  }
  if (slot == ABSENT) return ABSENT;
  store<u32>(row(record, slot), expert);
  store<u32>(tableEntry(layer, expert), slot);
  unlink(record, slot);
  linkNewest(record, slot);
  return slot;
}

/** Who lost the slot in the last `slotsPlace`, or ABSENT. */
export function slotsLost(): u32 {
  return lost;
}

export function slotsEvict(layer: u32, expert: u32): void {
  const slot = slotsLookup(layer, expert);
  if (slot == ABSENT) return;
  const record = layerRecord(layer);
  store<u32>(tableEntry(layer, expert), ABSENT);
  store<u32>(row(record, slot), ABSENT);
  unlink(record, slot);
  linkOldest(record, slot);
}

/** Address of a layer's table [expertCount]. */
export function slotsTable(layer: u32): usize {
  return tableEntry(layer, 0);
}
