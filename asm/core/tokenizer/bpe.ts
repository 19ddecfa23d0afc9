import { reserve } from "../memory";
import { addSymbol, beginChain, mergeChain, NO_PAIR, NONE, symbolAfter, symbolId } from "./chain";
import { findPair, insertPair, pairMerged, pairRank, pairTableBytes, resetPairs } from "./pairs";
import { findWord, insertWord, resetWords, wordTableBytes } from "./words";

/**
 * Byte-level byte-pair encoding of one pre-tokenised word, with llama.cpp's semantics (llm_tokenizer_bpe): of
 * all mergeable neighbours the pair of lowest rank merges first, the leftmost on ties, until none is left.
 *
 * Symbols are ids: a token, or an id from vocabSize on for a string that merges make but the vocabulary lacks.
 */

let vocabSize: u32 = 0;
let byteTokens: usize = 0;
let byteSymbols: usize = 0;
let extraBytes: usize = 0;
let extraOffsets: usize = 0;
let wholeWords: bool = false;

function u32At(base: usize, index: u32): u32 {
  return load<u32>(base + ((index as usize) << 2));
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

function pairOf(left: u32, right: u32): u64 {
  const pair = findPair(symbolId(left), symbolId(right));
  return pair == 0 ? NO_PAIR : ((pairRank(pair) as u64) << 32) | (pairMerged(pair) as u64);
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
  if (length == 0) return 0;
  beginChain(length, scratch);
  for (let i: u32 = 0; i < length; i++) {
    const id = u32At(byteSymbols, load<u8>(word + (i as usize)));
    addSymbol(i, id, i == 0 ? NONE : i - 1, i + 1 == length ? NONE : i + 1);
  }
  mergeChain(pairOf);
  let count: u32 = 0;
  for (let i: u32 = 0; i != NONE; i = symbolAfter(i)) {
    const id = symbolId(i);
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
