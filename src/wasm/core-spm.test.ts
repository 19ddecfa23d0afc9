import { beforeEach, expect, test } from "vitest";
import { integers, loadCore } from "./core.testing.ts";
import type { Core, SpmTables } from "./core.ts";

const NONE = 0xffffffff;
const utf8 = new TextEncoder();

let core: Core;
beforeEach(async () => {
  core = await loadCore();
});

function tables(
  tokens: readonly string[],
  scores: readonly number[],
  more: Partial<SpmTables> = {},
): SpmTables {
  const offsets = [0];
  for (const token of tokens) offsets.push(offsets.at(-1)! + utf8.encode(token).length);
  return {
    tokenBytes: utf8.encode(tokens.join("")),
    tokenOffsets: Uint32Array.from(offsets),
    scores: Float32Array.from(scores),
    byteTokens: new Uint32Array(256).fill(NONE),
    unknownId: undefined,
    ...more,
  };
}

const encode = (text: string): number[] => [...core.encodeWord(utf8.encode(text))];

/** llama.cpp's rules on strings: join the leftmost neighbours whose token has the highest score. */
function reference(text: string, tokens: readonly string[], scores: readonly number[]): number[] {
  const symbols = [...text];
  for (;;) {
    const offers = symbols
      .slice(1)
      .map((right, i) => scores[tokens.indexOf(symbols[i]! + right)] ?? -Infinity);
    const highest = Math.max(...offers);
    if (highest === -Infinity) return symbols.map((symbol) => tokens.indexOf(symbol)).filter((id) => id >= 0);
    const at = offers.indexOf(highest);
    symbols.splice(at, 2, symbols[at]! + symbols[at + 1]!);
  }
}

test("neighbours join as the scores say, whatever the vocabulary is", async () => {
  const next = integers(1);
  const letters = ["a", "é", "漢", "😀"];
  for (let round = 0; round < 20; round++) {
    const strings = new Set(round % 2 ? letters : letters.slice(1));
    const any = (): string => [...strings][next(strings.size)]!;
    for (let i = 0; i < 25; i++) strings.add(any() + any());
    if (round % 3 === 0) strings.add(letters[0]! + letters[1]!);
    const tokens = [...strings];
    // Few different scores: many ties, of both signs and of both zeros.
    const scores = tokens.map(() => [-2.5, -1, -0, 0, 1e-30, 7][next(6)]!);
    core = await loadCore();
    core.loadSpm(tables(tokens, scores));
    for (let length = 0; length < 50; length++) {
      const text = Array.from({ length }, () => letters[next(4)]).join("");
      expect(encode(text)).toEqual(reference(text, tokens, scores));
    }
  }
});

test("a character that is no token is written as its bytes, or as one unknown token where they lack one", () => {
  const byteTokens = new Uint32Array(256).fill(NONE);
  utf8.encode("é").forEach((byte, i) => {
    byteTokens[byte] = i + 1;
  });
  const tokens = ["?", "<0xC3>", "<0xA9>", "a"];
  const scores = [0, 0, 0, 0];
  core.loadSpm(tables(tokens, scores, { byteTokens, unknownId: 0 }));
  expect(encode("aéa漢a")).toEqual([3, 1, 2, 3, 0, 3]);
  core.loadSpm(tables(tokens, scores, { byteTokens }));
  expect(encode("aéa漢a")).toEqual([3, 1, 2, 3, 3]);
});

test("two characters that are no tokens join where together they are one", () => {
  core.loadSpm(tables(["ab", "c"], [0, 0]));
  expect(encode("abcab")).toEqual([0, 1, 0]);
});

test("a text of 100,000 characters joins to the end", () => {
  const tokens = ["a"];
  for (let i = 1; i <= 10; i++) tokens.push("a".repeat(2 ** i));
  core.loadSpm(
    tables(
      tokens,
      tokens.map((_, i) => -i),
    ),
  );
  const ids = encode("a".repeat(100_000));
  expect(ids.slice(0, 97)).toEqual(Array(97).fill(10));
  expect(ids.reduce((length, id) => length + tokens[id]!.length, 0)).toBe(100_000);
});

test("tables that name what they do not hold, or scores that are no numbers, are refused", () => {
  const refused = expect.objectContaining({ code: "invalid-argument" });
  const good = tables(["a", "b"], [0, 0]);
  for (const wrong of [
    { scores: new Float32Array(1) },
    { scores: Float32Array.of(0, Number.NaN) },
    { byteTokens: new Uint32Array(256).fill(2) },
    { unknownId: 2 },
    { tokenOffsets: Uint32Array.of(0, 1, 3) },
  ] satisfies Partial<SpmTables>[]) {
    expect(() => core.loadSpm({ ...good, ...wrong })).toThrow(refused);
  }
  expect(() => encode("a")).toThrow(refused);
});
