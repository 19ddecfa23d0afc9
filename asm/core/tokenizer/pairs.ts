/**
 * Merges by pair: an open-addressing hash table, linear probing, at most three quarters full.
 *
 * Entry: { left u32, right u32, rank u32, merged u32 }; an empty one has left = NONE.
 */

const NONE: u32 = 0xffffffff;
const ENTRY_BYTES: usize = 16;

let table: usize = 0;
let mask: u32 = 0;

function entryCount(merges: u32): u32 {
  let count: u32 = 16;
  while ((count as u64) * 3 < (merges as u64) * 4) count <<= 1;
  return count;
}

export function pairTableBytes(merges: u32): usize {
  return (entryCount(merges) as usize) * ENTRY_BYTES;
}

export function resetPairs(memoryAt: usize, merges: u32): void {
  table = memoryAt;
  mask = entryCount(merges) - 1;
  memory.fill(table, 0xff, pairTableBytes(merges));
}

/** The pair's entry, or the empty one where it belongs. */
function probe(left: u32, right: u32): usize {
  let hash = (left * 0x9e3779b1) ^ (right * 0x85ebca77);
  hash = (hash ^ (hash >>> 15)) * 0xc2b2ae3d;
  let i = (hash ^ (hash >>> 13)) & mask;
  while (true) {
    const entry = table + (i as usize) * ENTRY_BYTES;
    const held = load<u32>(entry);
    if (held == NONE || (held == left && load<u32>(entry, 4) == right)) return entry;
    i = (i + 1) & mask;
  }
}

/** The first rank of a pair counts. */
export function insertPair(left: u32, right: u32, rank: u32, merged: u32): void {
  const entry = probe(left, right);
  if (load<u32>(entry) != NONE) return;
  store<u32>(entry, left);
  store<u32>(entry, right, 4);
  store<u32>(entry, rank, 8);
  store<u32>(entry, merged, 12);
}

/** The pair's entry, or 0. A byte without any symbol has the id NONE and merges with nothing. */
export function findPair(left: u32, right: u32): usize {
  if (left == NONE) return 0;
  const entry = probe(left, right);
  return load<u32>(entry) == NONE ? 0 : entry;
}

export function pairRank(entry: usize): u32 {
  return load<u32>(entry, 8);
}

export function pairMerged(entry: usize): u32 {
  return load<u32>(entry, 12);
}
