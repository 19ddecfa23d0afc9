import { reserve } from "../memory";
import { addSymbol, beginChain, mergeChain, NO_PAIR, NONE, symbolAfter, symbolId } from "./chain";
import { findWord, insertWord, resetWords, wordTableBytes } from "./words";

/**
 * SentencePiece byte-pair encoding with llama.cpp's semantics (llm_tokenizer_spm): a text begins as its characters;
 * of all neighbours that together are a token those of the highest score merge first, the leftmost on ties. A
 * character that is no token at the end is written as the tokens of its bytes.
 */

let ranks: usize = 0;
let offsets: usize = 0;
let longest: u32 = 0;
let byteTokens: usize = 0;
let unknownToken: u32 = NONE;

let text: usize = 0;
let textLength: u32 = 0;

function u32At(base: usize, index: u32): u32 {
  return load<u32>(base + ((index as usize) << 2));
}

/** A number that is lower for a higher score, never NONE: the order of the bits of a float, turned round. */
function rankOf(score: f32): u32 {
  // Adding zero makes -0 the 0 that it equals.
  const bits = reinterpret<u32>(score + 0);
  return bits >> 31 ? bits : bits ^ 0x7fffffff;
}

/** Builds the tables from arrays that stay where they are; returns false if memory cannot grow. Scores are not NaN. */
export function spmLoad(
  tokens: u32,
  tokenBytes: usize,
  tokenOffsets: usize,
  scores: usize,
  bytesToTokens: usize,
  unknown: u32,
): bool {
  const words = reserve(wordTableBytes(tokens));
  if (words == 0) return false;
  // Each score is needed once: its rank takes its place.
  ranks = scores;
  offsets = tokenOffsets;
  byteTokens = bytesToTokens;
  unknownToken = unknown;
  longest = 0;
  resetWords(words, tokens, tokenBytes, tokenOffsets);
  for (let id: u32 = 0; id < tokens; id++) {
    insertWord(id);
    const at = scores + ((id as usize) << 2);
    store<u32>(at, rankOf(load<f32>(at)));
    longest = max(longest, u32At(offsets, id + 1) - u32At(offsets, id));
  }
  return true;
}

function endOf(index: u32): u32 {
  const next = symbolAfter(index);
  return next == NONE ? textLength : next;
}

/** The token that spans both symbols. */
function pairOf(left: u32, right: u32): u64 {
  const length = endOf(right) - left;
  if (length > longest) return NO_PAIR;
  const id = findWord(text + (left as usize), length);
  return id == NONE ? NO_PAIR : ((u32At(ranks, id) as u64) << 32) | (id as u64);
}

/** Bytes of the UTF-8 character that `lead` begins. */
function characterBytes(lead: u32): u32 {
  return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/**
 * Writes the tokens of a character's bytes to `out` and returns how many they are: one unknown token, or none,
 * where one of the bytes has no token.
 */
function writeBytes(start: u32, end: u32, out: usize): u32 {
  for (let i = start; i < end; i++) {
    const token = u32At(byteTokens, load<u8>(text + (i as usize)));
    if (token == NONE) {
      if (unknownToken == NONE) return 0;
      store<u32>(out, unknownToken);
      return 1;
    }
    store<u32>(out + (((i - start) as usize) << 2), token);
  }
  return end - start;
}

/** Writes the token ids of `input` [length], well-formed UTF-8, to `out` [length] and returns how many there are. */
export function spmEncode(input: usize, length: u32, out: usize, scratch: usize): u32 {
  if (length == 0) return 0;
  text = input;
  textLength = length;
  beginChain(length, scratch);
  let previous: u32 = NONE;
  for (let i: u32 = 0; i < length; ) {
    const size = min(characterBytes(load<u8>(text + (i as usize))), length - i);
    const end = i + size;
    addSymbol(i, findWord(text + (i as usize), size), previous, end == length ? NONE : end);
    previous = i;
    i = end;
  }
  mergeChain(pairOf);
  let count: u32 = 0;
  for (let i: u32 = 0; i != NONE; i = symbolAfter(i)) {
    const id = symbolId(i);
    const at = out + ((count as usize) << 2);
    if (id == NONE) {
      count += writeBytes(i, endOf(i), at);
    } else {
      store<u32>(at, id);
      count++;
    }
  }
  return count;
}
