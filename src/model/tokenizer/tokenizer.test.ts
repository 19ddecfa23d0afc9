import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { loadCore } from "../../wasm/core.testing.ts";
import { metadataOf } from "../gguf/metadata.ts";
import { parseGguf } from "../gguf/parse.ts";
import { tokenizerFrom } from "./from-metadata.ts";
import { preTokenizer, splitWords } from "./pre-tokenizer.ts";
import { createTokenizer, type Tokenizer, type TokenizerMetadata } from "./tokenizer.ts";

/** All 256 bytes as tokens 0–255 in byte order, then `more`. */
function byteVocabulary(more: readonly { text: string; type?: number }[] = []): TokenizerMetadata {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : next++),
  );
  return {
    model: "gpt2",
    pre: "gpt-2",
    tokens: [...bytes, ...more.map(({ text }) => text)],
    tokenTypes: [...bytes.map(() => 1), ...more.map(({ type }) => type ?? 1)],
    merges: [],
  };
}

const load = async (metadata: TokenizerMetadata): Promise<Tokenizer> =>
  createTokenizer(await loadCore(), metadata);

const CONTROL = 3;
const USER_DEFINED = 4;

test("the embedded model's tokens are those of llama.cpp", async () => {
  const bytes = await readFile(new URL("../../../public/models/demo-moe-q4_k.gguf", import.meta.url));
  const tokenizer = tokenizerFrom(metadataOf(parseGguf(bytes, bytes.length)), await loadCore());
  // Printed by llama.cpp v0.4.0 from the same file.
  const expected: Record<string, number[]> = {
    "Once upon a time, there was a naïve robot.": [
      602, 586, 261, 462, 47, 434, 311, 261, 297, 100, 198, 178, 318, 3938, 49,
    ],
    "It's 12345!\n\n\tDon't   stop…": [
      1202, 386, 35, 52, 53, 54, 55, 56, 2025, 12, 2541, 617, 275, 2145, 1820, 169,
    ],
    "<|endoftext|>漢字 😀": [
      63, 127, 423, 2111, 1417, 127, 65, 233, 191, 165, 232, 176, 154, 35, 243, 162, 155, 131,
    ],
  };
  for (const [text, ids] of Object.entries(expected)) {
    expect([...tokenizer.encode(text)]).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(text);
  }
  expect(tokenizer.vocabSize).toBe(8192);
});

test("every byte survives encoding and decoding", async () => {
  const tokenizer = await load(byteVocabulary());
  const text = "naïve \u0000\u007f\u00a0\u0085\ufeff 漢字 😀 e\u0301 \r\n\t '🇫🇷'";
  const ids = tokenizer.encode(text);
  expect([...ids]).toEqual([...new TextEncoder().encode(text)]);
  expect(tokenizer.decode(ids)).toBe(text);
});

test("an unpaired surrogate is encoded as U+FFFD", async () => {
  const tokenizer = await load(byteVocabulary());
  expect(tokenizer.decode(tokenizer.encode("a\ud800b\udc00😀"))).toBe("a\ufffdb\ufffd😀");
});

test("a decoder never splits a character, and ends an incomplete one as U+FFFD", async () => {
  const tokenizer = await load(byteVocabulary());
  const decoder = tokenizer.decoder();
  const pushed = [...new TextEncoder().encode("\ufeffé😀")].map((id) => decoder.push(id));
  expect(pushed).toEqual(["", "", "\ufeff", "", "é", "", "", "", "😀"]);
  expect(decoder.push(0xf0)).toBe("");
  expect(decoder.end()).toBe("\ufffd");
});

test("control tokens are parsed on request and never shown, user-defined ones always and as they are", async () => {
  const tokenizer = await load(
    byteVocabulary([
      { text: "<|x|>", type: CONTROL },
      { text: "  ", type: USER_DEFINED },
      { text: "<|x|>  <|x|>", type: CONTROL },
      { text: "<?>", type: 2 },
    ]),
  );
  expect([...tokenizer.encode("a<|x|>  b<?>")]).toEqual([97, 256, 257, 98, 259]);
  expect([...tokenizer.encode("<|x|>  ", { special: false })]).toEqual([60, 124, 120, 124, 62, 257]);
  expect([...tokenizer.encode("<|x|>  <|x|><|x|>")]).toEqual([258, 256]);
  expect(tokenizer.decode([97, 256, 257, 259, 98])).toBe("a  b");
});

test("BOS and EOS are added as the file, the pre-tokenizer and the caller ask", async () => {
  const metadata = byteVocabulary([
    { text: "<s>", type: CONTROL },
    { text: "<e>", type: CONTROL },
  ]);
  const ids = { bosId: 256, eosId: 257 };
  const encode = async (more: Partial<TokenizerMetadata>, addBos?: boolean): Promise<number[]> => [
    ...(await load({ ...metadata, ...ids, ...more })).encode("a", { addBos }),
  ];
  expect(await encode({})).toEqual([97]);
  expect(await encode({ addBos: true })).toEqual([256, 97]);
  expect(await encode({ pre: "llama-bpe" })).toEqual([256, 97]);
  expect(await encode({ pre: "llama-bpe", addBos: false })).toEqual([97]);
  expect(await encode({ addEos: true }, true)).toEqual([256, 97, 257]);
  expect(await encode({ addBos: true, addEos: true }, false)).toEqual([97]);
  expect(await encode({ addBos: true, bosId: 9999 })).toEqual([97]);
});

test("a generation ends at EOS, at EOT and at tokens with the well-known names", async () => {
  const metadata = byteVocabulary([
    { text: "<|im_end|>" },
    { text: "<|file_sep|>", type: CONTROL },
    { text: "<|end|>", type: CONTROL },
    { text: "<other>", type: CONTROL },
  ]);
  const tokenizer = await load({ ...metadata, eosId: 0, eotId: 1, eomId: 100_000 });
  expect([...tokenizer.endIds].sort((a, b) => a - b)).toEqual([0, 1, 256, 257, 258]);
  expect(tokenizer.decode([97, 256])).toBe("a");
  const harmony = await load(
    byteVocabulary(["<|return|>", "<|call|>", "<|end|>"].map((text) => ({ text, type: CONTROL }))),
  );
  expect([...harmony.endIds].sort((a, b) => a - b)).toEqual([256, 257]);
});

test("words are cut as each pre-tokenizer cuts them", () => {
  const cut = (name: string, text: string): string[] => splitWords(text, preTokenizer(name));
  const text = "I'LL pay $1234 naïve  x\n\n y's";
  expect(cut("gpt-2", text)).toEqual([
    "I",
    "'",
    "LL",
    " pay",
    " $",
    "1234",
    " naïve",
    " ",
    " x",
    "\n\n",
    " y",
    "'s",
  ]);
  expect(cut("qwen2", text)).toEqual([
    "I",
    "'LL",
    " pay",
    " $",
    "1",
    "2",
    "3",
    "4",
    " naïve",
    " ",
    " x",
    "\n\n",
    " y",
    "'s",
  ]);
  expect(cut("llama-bpe", text)).toEqual([
    "I",
    "'LL",
    " pay",
    " $",
    "123",
    "4",
    " naïve",
    " ",
    " x",
    "\n\n",
    " y",
    "'s",
  ]);
  expect(cut("default", text)).toEqual([
    "I",
    "'",
    "LL",
    " pay",
    " ",
    "$",
    "123",
    "4",
    " naïve",
    " ",
    " x",
    "\n\n",
    " y",
    "'",
    "s",
  ]);
  // Unicode's white space, not JavaScript's: U+0085 is, U+FEFF is not.
  expect(cut("gpt-2", "a\u0085\u0085b\ufeff")).toEqual(["a", "\u0085", "\u0085", "b", "\ufeff"]);
});

test("a run of a million letters is one word", () => {
  const text = "a".repeat(1_000_000);
  for (const name of ["gpt-2", "qwen2", "llama-bpe"]) {
    expect(splitWords(` ${text}`, preTokenizer(name)).map((word) => word.length)).toEqual([1_000_001]);
  }
});

test("a run too long for the engine's regular expressions is an invalid argument, not a crash", () => {
  expect(() => splitWords("漢".repeat(20_000_000), preTokenizer("gpt-2"))).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});

test("what cannot be served is refused by name", async () => {
  const metadata = byteVocabulary();
  const refused = (text: RegExp) =>
    expect.objectContaining({ code: "unsupported-architecture", message: expect.stringMatching(text) });
  await expect(load({ ...metadata, model: "bert" })).rejects.toEqual(refused(/"bert"/));
  await expect(load({ ...metadata, pre: "nonesuch" })).rejects.toEqual(refused(/"nonesuch"/));
});

test("damaged tables are bad-gguf", async () => {
  const metadata = byteVocabulary();
  const damaged = (text: RegExp) =>
    expect.objectContaining({ code: "bad-gguf", message: expect.stringMatching(text) });
  await expect(load({ ...metadata, tokens: [] })).rejects.toEqual(damaged(/empty/));
  await expect(load({ ...metadata, tokens: [...metadata.tokens, "a"] })).rejects.toEqual(damaged(/token/));
  await expect(load({ ...metadata, tokenTypes: [1] })).rejects.toEqual(damaged(/1 of 256/));
  const twice = { ...metadata, tokens: [...metadata.tokens, "a"], tokenTypes: undefined };
  await expect(load(twice)).rejects.toEqual(damaged(/tokens 97 and 256 are the same/));
});

test("merges that can never apply do no harm", async () => {
  const tokenizer = await load({
    ...byteVocabulary([{ text: "ab" }]),
    merges: ["", " ", "ab", "a ", " a", "a  b", "漢 字", "a b c", "zz yy", "a b", "a b"],
  });
  expect([...tokenizer.encode("ab abc")]).toEqual([256, 32, 256, 99]);
});

test("ids outside the vocabulary are an invalid argument", async () => {
  const tokenizer = await load(byteVocabulary());
  expect(() => tokenizer.decode([256])).toThrow(expect.objectContaining({ code: "invalid-argument" }));
});
