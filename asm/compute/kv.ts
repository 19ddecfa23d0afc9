// A page of one layer's cache holds PAGE positions of every kv head:
//
//   head 0: k [PAGE / SIDE][headDim][SIDE]  v [headDim / SIDE][PAGE][SIDE]    head 1: …
//
// Keys lie transposed, so that the scores of four neighbouring positions are four lanes; values lie as they are
// summed, four elements of a head at a time. Both lie in columns of a cache line's width, which the kernels read from
// one end to the other: memory is read ahead only where it is read in order. The last column of values is narrower
// where SIDE does not divide headDim. A layer's page table is an array of page addresses.
export const PAGE: usize = 64;

// Positions side by side in a column of keys, and elements in one of values: a line of 64 bytes.
export const SIDE: usize = 16;

// Bytes of a page.
export function pageBytes(kvHeadCount: usize, headDim: usize): usize {
  return kvHeadCount * headDim * PAGE * 2 * 4;
}

export function pageOf(pageTable: usize, index: usize): usize {
  return load<u32>(pageTable + (index << 2));
}

export function keysOf(page: usize, kvHead: usize, headDim: usize): usize {
  return page + kvHead * headDim * (PAGE * 2 * 4);
}

export function valuesOf(page: usize, kvHead: usize, headDim: usize): usize {
  return keysOf(page, kvHead, headDim) + headDim * (PAGE * 4);
}

// Writes the key [headDim] of position `slot` of a page's head, whose keys are at `keys`.
export function writeKey(key: usize, keys: usize, slot: usize, headDim: usize): void {
  keys += (slot / SIDE) * headDim * (SIDE * 4) + ((slot % SIDE) << 2);
  for (const end = key + (headDim << 2); key < end; key += 4, keys += SIDE * 4)
    store<f32>(keys, load<f32>(key));
}

// Likewise a value [headDim].
export function writeValue(value: usize, values: usize, slot: usize, headDim: usize): void {
  for (let i: usize = 0; i < headDim; i += SIDE, value += SIDE * 4, values += PAGE * SIDE * 4) {
    const bytes = min(SIDE, headDim - i) << 2;
    memory.copy(values + slot * bytes, value, bytes);
  }
}
