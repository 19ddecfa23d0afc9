/**
 * Merging, as every kind of byte-pair encoding does it: a text's symbols in a chain, and a heap of what neighbours
 * offer to merge into. The least (rank, position) merges first, so that equal ranks merge from the left, until
 * nothing is left to merge: O(n log n) for a text of n bytes.
 *
 * A symbol's index is the place of its first byte in the text. A heap entry is stale once its left symbol no longer
 * begins a pair of that rank. Pairs of equal rank at one place are told apart by nothing else, and need not be: all
 * their entries have the same key, and each stands for the pair that is there now.
 */

export const NONE: u32 = 0xffffffff;
export const NO_PAIR: u64 = 0xffffffffffffffff;

/** Rank (high half, below NONE) and id (low half) of what the symbols at `left` and `right` merge into, or NO_PAIR. */
export type PairOf = (left: u32, right: u32) => u64;

/** A symbol merged into its left neighbour leaves the chain and has no rank. */
const SYMBOL_BYTES: usize = 20;
const ID: usize = 0;
const PREVIOUS: usize = 4;
const NEXT: usize = 8;
const RANK: usize = 12;
const MERGED: usize = 16;

/** Every merge can offer two new pairs to the heap. */
const HEAP_BYTES_PER_SYMBOL: usize = 24;

let symbols: usize = 0;
let heap: usize = 0;
let heapSize: u32 = 0;

/** Bytes of scratch for a text of `length` bytes. */
export function chainScratchBytes(length: usize): usize {
  return length * (SYMBOL_BYTES + HEAP_BYTES_PER_SYMBOL) + 8;
}

/** An empty chain in `scratch`. */
export function beginChain(length: u32, scratch: usize): void {
  // The heap holds 64-bit keys: first, where scratch is aligned.
  heap = scratch;
  heapSize = 0;
  symbols = scratch + (length as usize) * HEAP_BYTES_PER_SYMBOL;
}

function symbol(index: u32): usize {
  return symbols + (index as usize) * SYMBOL_BYTES;
}

/** The symbol at `index`; `previous` and `next` are its neighbours or NONE. */
export function addSymbol(index: u32, id: u32, previous: u32, next: u32): void {
  const at = symbol(index);
  store<u32>(at, id, ID);
  store<u32>(at, previous, PREVIOUS);
  store<u32>(at, next, NEXT);
}

export function symbolId(index: u32): u32 {
  return load<u32>(symbol(index), ID);
}

/** The symbol after that at `index`, or NONE. */
export function symbolAfter(index: u32): u32 {
  return load<u32>(symbol(index), NEXT);
}

function pushHeap(key: u64): void {
  let at = heapSize++;
  while (at > 0) {
    const parent = (at - 1) >>> 1;
    const above = load<u64>(heap + ((parent as usize) << 3));
    if (above <= key) break;
    store<u64>(heap + ((at as usize) << 3), above);
    at = parent;
  }
  store<u64>(heap + ((at as usize) << 3), key);
}

function popHeap(): u64 {
  const top = load<u64>(heap);
  const last = load<u64>(heap + ((--heapSize as usize) << 3));
  let at: u32 = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heapSize) break;
    const address = heap + ((child as usize) << 3);
    let least = load<u64>(address);
    if (child + 1 < heapSize && load<u64>(address, 8) < least) {
      least = load<u64>(address, 8);
      child++;
    }
    if (least >= last) break;
    store<u64>(heap + ((at as usize) << 3), least);
    at = child;
  }
  store<u64>(heap + ((at as usize) << 3), last);
  return top;
}

/** Looks up the pair that symbol `left` begins, and offers it to the heap. */
function offer(left: u32, pairOf: PairOf): void {
  const at = symbol(left);
  const right = load<u32>(at, NEXT);
  store<u32>(at, NONE, RANK);
  if (right == NONE) return;
  const pair = pairOf(left, right);
  if (pair == NO_PAIR) return;
  store<u32>(at, (pair >> 32) as u32, RANK);
  store<u32>(at, pair as u32, MERGED);
  pushHeap((pair & 0xffffffff00000000) | (left as u64));
}

function mergeRight(left: u32, pairOf: PairOf): void {
  const at = symbol(left);
  const right = symbol(load<u32>(at, NEXT));
  const next = load<u32>(right, NEXT);
  store<u32>(at, load<u32>(at, MERGED), ID);
  store<u32>(at, next, NEXT);
  store<u32>(right, NONE, RANK);
  if (next != NONE) store<u32>(symbol(next), left, PREVIOUS);
  const previous = load<u32>(at, PREVIOUS);
  if (previous != NONE) offer(previous, pairOf);
  offer(left, pairOf);
}

/** Merges the chain that begins at 0 until nothing is left to merge. */
export function mergeChain(pairOf: PairOf): void {
  for (let i: u32 = 0; i != NONE; i = symbolAfter(i)) offer(i, pairOf);
  while (heapSize > 0) {
    const key = popHeap();
    const left = key as u32;
    if (load<u32>(symbol(left), RANK) == ((key >> 32) as u32)) mergeRight(left, pairOf);
  }
}
