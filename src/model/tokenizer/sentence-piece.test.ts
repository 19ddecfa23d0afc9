import { expect, test } from "vitest";
import { loadCore } from "../../wasm/core.testing.ts";
import { createTokenizer, type Tokenizer, type TokenizerMetadata } from "./tokenizer.ts";
import { byteTokenName } from "./vocabulary.ts";

const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;
const BYTE = 6;

/** As in llama.cpp's files: `<unk>`, `<s>`, `</s>`, the bytes as tokens 3–258, then pieces with their scores. */
const FIRST_PIECE = 259;
const PIECES = ["▁", "a", "b", "▁a", "ab", "▁ab", "▁▁", "é"];
const [SPACE, A, B, SPACE_A, AB, SPACE_AB, SPACES, E_ACUTE] = PIECES.map((_, i) => FIRST_PIECE + i) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];
const FIRST_MORE = FIRST_PIECE + PIECES.length;

const byteId = (byte: number): number => 3 + byte;

function vocabulary(more: readonly { text: string; type: number }[] = []): TokenizerMetadata {
  const bytes = Array.from({ length: 256 }, (_, byte) => byteTokenName(byte));
  return {
    model: "llama",
    tokens: ["<unk>", "<s>", "</s>", ...bytes, ...PIECES, ...more.map(({ text }) => text)],
    tokenTypes: [
      UNKNOWN,
      CONTROL,
      CONTROL,
      ...bytes.map(() => BYTE),
      ...PIECES.map(() => NORMAL),
      ...more.map(({ type }) => type),
    ],
    scores: [...Array(FIRST_PIECE).fill(0), -9, -9, -9, -1, -2, -3, -4, -5, ...more.map(() => 0)],
    merges: [],
  };
}

const load = async (metadata: TokenizerMetadata): Promise<Tokenizer> =>
  createTokenizer(await loadCore(), metadata);

const plain = (tokenizer: Tokenizer, text: string): number[] => [
  ...tokenizer.encode(text, { addBos: false }),
];

test("a space goes before the text, and the best-scored neighbours join first", async () => {
  const tokenizer = await load(vocabulary());
  // "▁a" (-1) before "ab" (-2): then "▁ab" joins.
  expect(plain(tokenizer, "ab")).toEqual([SPACE_AB]);
  expect(plain(tokenizer, "aab")).toEqual([SPACE_A, AB]);
  expect(plain(tokenizer, "ba")).toEqual([SPACE, B, A]);
  expect(plain(tokenizer, " a")).toEqual([SPACE, SPACE_A]);
  expect(plain(tokenizer, "")).toEqual([]);
});

test("without the prefix space, text is taken and given back as it is", async () => {
  const tokenizer = await load({ ...vocabulary(), addSpacePrefix: false });
  expect(plain(tokenizer, "ab")).toEqual([AB]);
  expect(tokenizer.decode([SPACE_AB])).toBe(" ab");
});

test("a space goes before what follows a special token, and not before what follows text", async () => {
  const tokenizer = await load(
    vocabulary([
      { text: "<x>", type: CONTROL },
      { text: "<u>", type: USER_DEFINED },
    ]),
  );
  const [x, u] = [FIRST_MORE, FIRST_MORE + 1];
  expect(plain(tokenizer, "a<x>a<u>b")).toEqual([SPACE_A, x, SPACE_A, u, SPACE, B]);
  const unparsed = [...tokenizer.encode("a<x><u>", { special: false, addBos: false })];
  expect(unparsed).toEqual([SPACE_A, ..."<x>".split("").map((sign) => byteId(sign.charCodeAt(0))), u]);
  expect(tokenizer.decode([SPACE_A, x, SPACE_A, u, SPACE, B])).toBe("a a<u> b");
});

test("BOS is 1 and goes first unless the file says otherwise, and EOS is 2", async () => {
  const metadata = vocabulary();
  expect([...(await load(metadata)).encode("a")]).toEqual([1, SPACE_A]);
  expect([...(await load({ ...metadata, addBos: false })).encode("a")]).toEqual([SPACE_A]);
  expect([...(await load({ ...metadata, addEos: true })).encode("a")]).toEqual([1, SPACE_A, 2]);
  expect([...(await load({ ...metadata, bosId: 2, eosId: 1, addEos: true })).encode("a")]).toEqual([
    2,
    SPACE_A,
    1,
  ]);
  const tokenizer = await load(metadata);
  expect(tokenizer.bosId).toBe(1);
  expect(tokenizer.endIds.has(2)).toBe(true);
});

test("what the vocabulary lacks becomes bytes, and any text comes back", async () => {
  const tokenizer = await load(vocabulary());
  expect(plain(tokenizer, "é漢")).toEqual([SPACE, E_ACUTE, byteId(0xe6), byteId(0xbc), byteId(0xa2)]);
  for (const text of ["", " ", "  a ", "a\n\tb", "漢字 👍🏽", "\u0000\ufeff", "<s>", "<0x0A>"]) {
    const ids = tokenizer.encode(text, { special: false, addBos: false });
    expect(tokenizer.decode(ids)).toBe(text);
  }
});

test("tokens show what their type says", async () => {
  const tokenizer = await load(
    vocabulary([
      { text: "▁u", type: USER_DEFINED },
      { text: "unused", type: UNUSED },
      { text: "undefined", type: 0 },
    ]),
  );
  const [user, unused, undefinedType] = [FIRST_MORE, FIRST_MORE + 1, FIRST_MORE + 2];
  expect(tokenizer.decode([A, 0, 1, user, unused, undefinedType, byteId(0x41), SPACES])).toBe("a▁uA  ");
});

test("streams are right at every cut: characters whole, the first space taken only at the text's start", async () => {
  const tokenizer = await load(vocabulary());
  const text = "ab 漢é👍🏽  \u0080a";
  const ids = plain(tokenizer, text);
  for (let cut = 0; cut <= ids.length; cut++) {
    const start = tokenizer.decoder({ start: true });
    const pushed = ids.slice(0, cut).map((id) => start.push(id));
    expect(pushed.join("").includes("\ufffd")).toBe(false);
    expect(text.startsWith(pushed.join(""))).toBe(true);
    expect(
      pushed.join("") +
        ids
          .slice(cut)
          .map((id) => start.push(id))
          .join("") +
        start.end(),
    ).toBe(text);
  }
  const further = tokenizer.decoder();
  expect(further.push(SPACE_A) + further.push(SPACE_AB)).toBe(" a ab");
  expect(tokenizer.decode([1, SPACE_A])).toBe(" a");
  expect(tokenizer.decode([SPACES])).toBe(" ");
});

test("a file without scores or types is read as one of equal, normal tokens", async () => {
  const { scores, tokenTypes, ...rest } = vocabulary();
  const tokenizer = await load(rest);
  // Equal scores join from the left.
  expect(plain(tokenizer, "ab")).toEqual([SPACE_AB]);
  expect(tokenizer.decode([byteId(0x0a)])).toBe("<0x0A>");
});

test("damaged scores are bad-gguf", async () => {
  const damaged = (message: RegExp) =>
    expect.objectContaining({ code: "bad-gguf", message: expect.stringMatching(message) });
  await expect(load({ ...vocabulary(), scores: [0] })).rejects.toEqual(damaged(/1 of 267/));
  const scores = Array(FIRST_MORE).fill(0);
  scores[5] = Number.NaN;
  await expect(load({ ...vocabulary(), scores })).rejects.toEqual(damaged(/score 5/));
});

test("Phi-3's special tokens take the white space after them", async () => {
  const metadata = vocabulary([{ text: "<|user|>", type: CONTROL }]);
  const text = "<|user|> \n a<s> a";
  const newline = byteId(0x0a);
  expect(plain(await load({ ...metadata, name: "Phi 3 mini" }), text)).toEqual(
    plain(await load(metadata), text),
  );
  expect(plain(await load(metadata), text)).toEqual([
    FIRST_MORE,
    SPACES,
    newline,
    SPACE_A,
    1,
    SPACE,
    SPACE_A,
  ]);
  expect(plain(await load({ ...metadata, name: "Phi-3-mini" }), text)).toEqual([
    FIRST_MORE,
    SPACE_A,
    1,
    SPACE,
    SPACE_A,
  ]);
});
