import type { BpeTables } from "../../wasm/core.ts";
import { writeAlphabetBytes } from "./byte-alphabet.ts";

const NONE = 0xffffffff;

/** Strings as bytes one after the other, and where each starts. Text outside the byte alphabet has no bytes. */
function byteStrings(texts: readonly string[]): { bytes: Uint8Array; offsets: Uint32Array } {
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + text.length, 0));
  const offsets = new Uint32Array(texts.length + 1);
  let at = 0;
  texts.forEach((text, i) => {
    const end = writeAlphabetBytes(text, bytes, at);
    if (end >= 0) at = end;
    offsets[i + 1] = at;
  });
  return { bytes: bytes.slice(0, at), offsets };
}

/**
 * The vocabulary as numbers. A merge is cut at its first space from the second character on; one without such a
 * space, or with text that is not of the byte alphabet, can never apply to a word and is left out.
 */
export function bpeTables(
  tokens: readonly string[],
  merges: readonly string[],
  ignoreMerges: boolean,
): BpeTables {
  const ids = new Map<string, number>();
  tokens.forEach((text, id) => {
    ids.set(text, id);
  });
  const extras: string[] = [];
  const idOf = (text: string): number => {
    let id = ids.get(text);
    if (id === undefined) {
      id = tokens.length + extras.length;
      extras.push(text);
      ids.set(text, id);
    }
    return id;
  };
  const scratch = new Uint8Array(merges.reduce((longest, merge) => Math.max(longest, merge.length), 0));
  const applicable = (text: string): boolean => text !== "" && writeAlphabetBytes(text, scratch, 0) >= 0;
  const numbers = new Uint32Array(merges.length * 3);
  let count = 0;
  for (const merge of merges) {
    const space = merge.indexOf(" ", 1);
    if (space < 0) continue;
    const left = merge.slice(0, space);
    const right = merge.slice(space + 1);
    if (!applicable(left) || !applicable(right)) continue;
    numbers[count++] = idOf(left);
    numbers[count++] = idOf(right);
    numbers[count++] = idOf(left + right);
  }
  const { bytes: tokenBytes, offsets: tokenOffsets } = byteStrings(tokens);
  const { bytes: extraBytes, offsets: extraOffsets } = byteStrings(extras);
  const byteTokens = new Uint32Array(256).fill(NONE);
  tokens.forEach((_, id) => {
    const start = tokenOffsets[id]!;
    if (tokenOffsets[id + 1]! - start === 1) byteTokens[tokenBytes[start]!] = id;
  });
  return {
    tokenBytes,
    tokenOffsets,
    merges: numbers.slice(0, count),
    extraBytes,
    extraOffsets,
    byteTokens,
    ignoreMerges,
  };
}
