import { beforeEach, expect, test } from "vitest";
import { bpeTables } from "../model/tokenizer/merges.ts";
import { integers, loadCore } from "./core.testing.ts";
import type { Core } from "./core.ts";

let core: Core;
beforeEach(async () => {
  core = await loadCore();
});

/** llama.cpp's rules on strings: merge the leftmost pair of the lowest rank until there is none. */
function reference(word: string, tokens: readonly string[], merges: readonly string[]): number[] {
  const symbols = [...word];
  for (;;) {
    const ranks = symbols.slice(1).map((right, i) => merges.indexOf(`${symbols[i]} ${right}`));
    const lowest = Math.min(...ranks.filter((rank) => rank >= 0));
    if (lowest === Infinity) break;
    const at = ranks.indexOf(lowest);
    symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!);
  }
  return symbols
    .flatMap((symbol) => (tokens.includes(symbol) ? [symbol] : [...symbol]))
    .map((symbol) => tokens.indexOf(symbol))
    .filter((id) => id >= 0);
}

const encode = (word: string): number[] => [...core.encodeWord(new TextEncoder().encode(word))];

test("words merge as the rules say, whatever merges and vocabulary are", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const next = integers(seed);
    core = await loadCore();
    const letters = "abcd";
    const strings = [...letters];
    const merges: string[] = [];
    for (let i = 0; i < 30; i++) {
      const [left, right] = [strings[next(strings.length)]!, strings[next(strings.length)]!];
      merges.push(`${left} ${right}`);
      if (!strings.includes(left + right)) strings.push(left + right);
    }
    // Some strings that merges make, and sometimes a letter, are missing from the vocabulary.
    const tokens = strings.filter((_, i) => (i === 3 ? seed % 2 === 0 : i < 4 || next(4) > 0));
    core.loadBpe(bpeTables(tokens, merges, false));
    for (let length = 0; length < 60; length++) {
      const word = Array.from({ length }, () => letters[next(4)]).join("");
      expect(encode(word)).toEqual(reference(word, tokens, merges));
    }
  }
});

test("equal ranks merge from the left", () => {
  const tokens = ["a", "aa"];
  core.loadBpe(bpeTables(tokens, ["a a"], false));
  expect(encode("aaaaa")).toEqual([1, 1, 0]);
});

test("a word that is a token stays whole where merges are ignored", () => {
  const tokens = ["a", "b", "c", "bc", "abc"];
  core.loadBpe(bpeTables(tokens, ["b c"], false));
  expect(encode("abc")).toEqual([0, 3]);
  core.loadBpe(bpeTables(tokens, ["b c"], true));
  expect(encode("abc")).toEqual([4]);
  expect(encode("abcb")).toEqual([0, 3, 1]);
});

test("of a merged string that is no token, only the bytes that GPT-2's map leaves alone remain", () => {
  core.loadBpe(bpeTables(["Ġ", "a"], ["Ġ a"], false));
  expect(encode(" ")).toEqual([0]);
  expect(encode("a")).toEqual([1]);
  expect(encode(" a")).toEqual([1]);
});

test("a word of 100,000 bytes merges to the end", () => {
  const tokens = ["a"];
  const merges: string[] = [];
  for (let half = "a"; half.length < 64; half += half) {
    merges.push(`${half} ${half}`);
    tokens.push(half + half);
  }
  core.loadBpe(bpeTables(tokens, merges, false));
  const ids = encode("a".repeat(100_001));
  expect(ids).toEqual([...new Array(1562).fill(6), 5, 0]);
});

test("tables that name what they do not hold are refused", () => {
  const tables = bpeTables(["a", "b"], ["a b"], false);
  const refused = expect.objectContaining({ code: "invalid-argument" });
  expect(() => core.loadBpe({ ...tables, merges: Uint32Array.from([0, 1, 3]) })).toThrow(refused);
  expect(() => core.loadBpe({ ...tables, byteTokens: new Uint32Array(256).fill(2) })).toThrow(refused);
  expect(() => core.encodeWord(new Uint8Array(1))).toThrow(refused);
});
