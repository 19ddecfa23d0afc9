/** Tokens by their bytes: an open-addressing hash table of ids, at most half full. */

const NONE: u32 = 0xffffffff;

let table: usize = 0;
let mask: u32 = 0;
let bytes: usize = 0;
let offsets: usize = 0;

function entryCount(tokens: u32): u32 {
  let count: u32 = 16;
  while (count < tokens * 2) count <<= 1;
  return count;
}

export function wordTableBytes(tokens: u32): usize {
  return (entryCount(tokens) as usize) << 2;
}

export function resetWords(memoryAt: usize, tokens: u32, tokenBytes: usize, tokenOffsets: usize): void {
  table = memoryAt;
  mask = entryCount(tokens) - 1;
  bytes = tokenBytes;
  offsets = tokenOffsets;
  memory.fill(table, 0xff, wordTableBytes(tokens));
}

/** The word's entry, or the empty one where it belongs. */
function probe(word: usize, length: u32): usize {
  let hash: u32 = 0x811c9dc5;
  for (let i: u32 = 0; i < length; i++) hash = (hash ^ (load<u8>(word + (i as usize)) as u32)) * 0x01000193;
  let i = (hash ^ (hash >>> 15)) & mask;
  while (true) {
    const entry = table + ((i as usize) << 2);
    const id = load<u32>(entry);
    if (id == NONE) return entry;
    const start = load<u32>(offsets + ((id as usize) << 2));
    const size = load<u32>(offsets + ((id as usize) << 2), 4) - start;
    if (size == length && memory.compare(bytes + (start as usize), word, length as usize) == 0) return entry;
    i = (i + 1) & mask;
  }
}

/** Tokens of no bytes are never words. */
export function insertWord(id: u32): void {
  const start = load<u32>(offsets + ((id as usize) << 2));
  const size = load<u32>(offsets + ((id as usize) << 2), 4) - start;
  if (size == 0) return;
  const entry = probe(bytes + (start as usize), size);
  if (load<u32>(entry) == NONE) store<u32>(entry, id);
}

/** The token that is the word, or NONE. */
export function findWord(word: usize, length: u32): u32 {
  return load<u32>(probe(word, length));
}
