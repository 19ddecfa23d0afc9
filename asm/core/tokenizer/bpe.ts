import { reserve } from "../memory";
import { findPair, insertPair, pairMerged, pairRank, pairTableBytes, resetPairs } from "./pairs";
import { findWord, insertWord, resetWords, wordTableBytes } from "./words";

/**
 * Byte-level byte-pair encoding of one pre-tokenised word, with llama.cpp's semantics (llm_tokenizer_bpe): of
 * all mergeable neighbours the pair of lowest rank merges first, the leftmost on ties, until none is left.
 *
 * A heap of (rank, position) picks the next merge, so a word of n bytes costs O(n log n). A heap entry is stale
 * once its left symbol no longer begins a pair of that rank; a rank names one pair, so comparing ranks suffices.
 *
 * Symbols are ids: a token, or an id from vocabSize on for a string that merges make but the vocabulary lacks.
 */

const NONE: u32 = 0xffffffff;

/** A symbol of the word; those merged into their left neighbour leave the chain and have no rank. */
const SYMBOL_BYTES: usize = 20;
const ID: usize = 0;
const PREVIOUS: usize = 4;
const NEXT: usize = 8;
const RANK: usize = 12;
const MERGED: usize = 16;

/** Every merge can offer two new pairs to the heap. */
const HEAP_BYTES_PER_SYMBOL: usize = 24;

let vocabSize: u32 = 0;
let byteTokens: usize = 0;
let byteSymbols: usize = 0;
let extraBytes: usize = 0;
let extraOffsets: usize = 0;
let wholeWords: bool = false;

let symbols: usize = 0;
let heap: usize = 0;
let heapSize: u32 = 0;

function u32At(base: usize, index: u32): u32 {
  return load<u32>(base + ((index as usize) << 2));
}

function symbol(index: u32): usize {
  return symbols + (index as usize) * SYMBOL_BYTES;
}

/** Single-byte strings among [from, to) name the symbol a byte starts as. */
function nameByteSymbols(bytes: usize, offsets: usize, count: u32, firstId: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    const start = u32At(offsets, i);
    if (u32At(offsets, i + 1) - start != 1) continue;
    const slot = byteSymbols + ((load<u8>(bytes + (start as usize)) as usize) << 2);
    if (load<u32>(slot) == NONE) store<u32>(slot, firstId + i);
  }
}

/**
 * Builds the tables from arrays that stay where they are (in `reserve`d memory): the forms are those of
 * `BpeTables`. Returns false if memory cannot grow.
 */
export function bpeLoad(
  tokens: u32,
  tokenBytes: usize,
  tokenOffsets: usize,
  mergeCount: u32,
  merges: usize,
  extraCount: u32,
  extras: usize,
  extraStarts: usize,
  bytesToTokens: usize,
  ignoreMerges: bool,
): bool {
  const pairs = reserve(pairTableBytes(mergeCount));
  const bytes = reserve(1024);
  const words = ignoreMerges ? reserve(wordTableBytes(tokens)) : 0;
  if (pairs == 0 || bytes == 0 || (ignoreMerges && words == 0)) return false;
  vocabSize = tokens;
  byteTokens = bytesToTokens;
  byteSymbols = bytes;
  extraBytes = extras;
  extraOffsets = extraStarts;
  wholeWords = ignoreMerges;
  memory.copy(byteSymbols, byteTokens, 1024);
  nameByteSymbols(extraBytes, extraOffsets, extraCount, vocabSize);
  resetPairs(pairs, mergeCount);
  for (let rank: u32 = 0; rank < mergeCount; rank++) {
    const merge = merges + (rank as usize) * 12;
    insertPair(load<u32>(merge), load<u32>(merge, 4), rank, load<u32>(merge, 8));
  }
  if (ignoreMerges) {
    resetWords(words, tokens, tokenBytes, tokenOffsets);
    for (let id: u32 = 0; id < tokens; id++) insertWord(id);
  }
  return true;
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
function offer(left: u32): void {
  const at = symbol(left);
  const right = load<u32>(at, NEXT);
  store<u32>(at, NONE, RANK);
  if (right == NONE) return;
  const pair = findPair(load<u32>(at, ID), load<u32>(symbol(right), ID));
  if (pair == 0) return;
  store<u32>(at, pairRank(pair), RANK);
  store<u32>(at, pairMerged(pair), MERGED);
  pushHeap(((pairRank(pair) as u64) << 32) | (left as u64));
}

function mergeRight(left: u32): void {
  const at = symbol(left);
  const right = symbol(load<u32>(at, NEXT));
  const next = load<u32>(right, NEXT);
  store<u32>(at, load<u32>(at, MERGED), ID);
  store<u32>(at, next, NEXT);
  store<u32>(right, NONE, RANK);
  if (next != NONE) store<u32>(symbol(next), left, PREVIOUS);
  const previous = load<u32>(at, PREVIOUS);
  if (previous != NONE) offer(previous);
  offer(left);
}

/** Bytes of scratch that `bpeEncode` needs. */
export function bpeScratchBytes(length: usize): usize {
  return length * (SYMBOL_BYTES + HEAP_BYTES_PER_SYMBOL) + 8;
}

/** Writes the token ids of `word` [length] to `out` [length] and returns how many there are. */
export function bpeEncode(word: usize, length: u32, out: usize, scratch: usize): u32 {
  if (wholeWords) {
    const id = findWord(word, length);
    if (id != NONE) {
      store<u32>(out, id);
      return 1;
    }
  }
  // The heap holds 64-bit keys: first, where scratch is aligned.
  heap = scratch;
  heapSize = 0;
  symbols = scratch + (length as usize) * HEAP_BYTES_PER_SYMBOL;
  for (let i: u32 = 0; i < length; i++) {
    const at = symbol(i);
    store<u32>(at, u32At(byteSymbols, load<u8>(word + (i as usize))), ID);
    store<u32>(at, i == 0 ? NONE : i - 1, PREVIOUS);
    store<u32>(at, i + 1 == length ? NONE : i + 1, NEXT);
  }
  for (let i: u32 = 0; i < length; i++) offer(i);
  while (heapSize > 0) {
    const key = popHeap();
    const left = key as u32;
    if (load<u32>(symbol(left), RANK) == ((key >> 32) as u32)) mergeRight(left);
  }
  let count: u32 = 0;
  for (let i: u32 = 0; i != NONE && length > 0; i = load<u32>(symbol(i), NEXT)) {
    const id = load<u32>(symbol(i), ID);
    if (id < vocabSize) {
      store<u32>(out + ((count++ as usize) << 2), id);
      continue;
    }
    if (id == NONE) continue;
    const end = u32At(extraOffsets, id - vocabSize + 1);
    for (let b = u32At(extraOffsets, id - vocabSize); b < end; b++) {
      const byte = load<u8>(extraBytes + (b as usize)) as u32;
      // llama.cpp falls back by the UTF-8 bytes of the byte-mapped text, so that only bytes GPT-2's map leaves
      // alone find their token; the others are dropped.
      if (byte < 0x21 || byte > 0x7e) continue;
      const token = u32At(byteTokens, byte);
      if (token != NONE) store<u32>(out + ((count++ as usize) << 2), token);
    }
  }
  return count;
}
