// A page of one layer's cache holds PAGE positions of every kv head:
//
//   head 0: k [headDim][PAGE]  v [PAGE][headDim]    head 1: …
//
// Keys lie transposed, so that the scores of four neighbouring positions are four lanes; values lie as they are
// summed, four elements of a head at a time. A layer's page table is an array of page addresses.
export const PAGE: usize = 64;

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
