// @ts-check
/**
 * Hard strings for tokenizers, the same every time. All characters are from blocks that were complete by Unicode 9:
 * llama.cpp has Unicode's tables inside and WebMoE takes the engine's, and of newer characters one of the two may
 * not know yet whether they are letters.
 */

/** @param {number} seed @returns {(below: number) => number} whole numbers in [0, below) */
export function randomIntegers(seed) {
  let state = seed >>> 0;
  return (below) => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** @typedef {(below: number) => number} Random */

/** @param {Random} random @param {readonly string[]} list */
const pick = (random, list) => list[random(list.length)] ?? "";

/** @param {Random} random @param {ReadonlyArray<readonly [number, number]>} ranges first and last code point */
function character(random, ranges) {
  const [first, last] = ranges[random(ranges.length)] ?? [0x61, 0x7a];
  return String.fromCodePoint(first + random(last - first + 1));
}

/** @param {Random} random @param {number} least @param {number} most @param {() => string} make */
const repeat = (random, least, most, make) =>
  Array.from({ length: least + random(most - least + 1) }, make).join("");

const WORDS = [
  "the",
  "Hello",
  "WORLD",
  "don",
  "tokenizer",
  "iPhone",
  "HTTPServer",
  "naïve",
  "Ärger",
  "straße",
  "I",
  "a",
];
const CONTRACTIONS = [
  "don't",
  "I'LL",
  "we've",
  "they'Re",
  "it'S",
  "o'clock",
  "'tis",
  "'m",
  "'D",
  "x''s",
  "you’re",
  "'ll'",
  "'",
  " 's",
  "'ſ",
];
const NUMBERS = [
  "0",
  "7",
  "42",
  "123",
  "1234",
  "1234567890",
  "3.14159",
  "1,000,000",
  "-5",
  "1e-9",
  "½",
  "Ⅷ",
  "²",
  "１２３",
  "٠١٢",
  "०१२३",
  "①",
  "𝟘𝟙",
];
const SPACES = [
  " ",
  " ",
  " ",
  "  ",
  "\t",
  "\n",
  "\r\n",
  "\r",
  "\u00a0",
  "\u3000",
  "\u2003",
  "\u2028",
  "\u0085",
  "\u000b",
  "\u000c",
  "\u1680",
  "\u202f",
];
const INVISIBLE = ["\u200b", "\ufeff", "\u00ad", "\u200e", "\u2060", "\u180e"];
const EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "❤️", "👨🏿‍💻", "1️⃣", "☕", "🤷‍♀️", "🎅🏻🎅🏾"];
const COMBINING = [
  "e\u0301",
  "n\u0303o",
  "a\u0323\u0302",
  "\u0301",
  "Z\u0351\u036b\u0343a\u0335l\u0489go",
  "i\u0307",
  "é\u0301",
];
const SCRIPTS = [
  "नमस्ते",
  "สวัสดี",
  "مرحبا",
  "שָׁלוֹם",
  "Привет",
  "Γειά",
  "გამარჯობა",
  "안녕하세요",
  "こんにちは",
  "カタカナ",
  "漢字仮名",
  "繁體中文",
  "தமிழ்",
  "ខ្មែរ",
  "አማርኛ",
  "Ελλάδα",
  "Việt",
  "İstanbul",
  "ﬁn",
  "Ｆｕｌｌ",
  "𝓢𝓬𝓻𝓲𝓹𝓽",
  "ǅ",
  "ʰ",
  "ⴰⵎⴰⵣⵉⵖ",
];
const PUNCTUATION = [
  "...",
  "!!!",
  "?!",
  "—",
  "«»",
  "。",
  "，",
  "！？",
  "「」",
  "$",
  "€5",
  "+=",
  "<=>",
  "^~|`",
  "#!/bin/sh",
  "//",
  "/*",
  "*/",
  "{}",
  "[]();",
  "\\n",
  "__",
  "@user",
  "%d",
  "№",
  "→",
  "≠",
  "…",
  "(",
  " )",
  " .",
  " ,",
  " ?",
];
const CODE = [
  "for (let i=0;i<10;i++) {\n\t",
  "def f(x):\n    return x\n",
  "https://example.com/a?b=c&d=e#f",
  "snake_case_name",
  "C:\\dir\\file.txt",
  '<div class="x">',
  "\n\n\n",
  "    \n  ",
  "/\n",
  "a/\r\n/",
];
const LITERALS = ["▁", "▁▁", "<0x0A>", "<0xE6>", "Ġ", "Ċ", "�", "[UNK]", "IMGIMGABZ", "<sentinel:1>"];

/** @type {ReadonlyArray<readonly [number, number]>} */
const LETTER_RANGES = [
  [0x61, 0x7a],
  [0x41, 0x5a],
  [0xc0, 0xff],
  [0x100, 0x17f],
  [0x3b1, 0x3c9],
  [0x410, 0x44f],
  [0x561, 0x586],
  [0x5d0, 0x5ea],
  [0x627, 0x63a],
  [0xe01, 0xe2e],
  [0x1e00, 0x1eff],
  [0x10d0, 0x10f0],
];
/** @type {ReadonlyArray<readonly [number, number]>} */
const CJK_RANGES = [
  [0x4e00, 0x9fa5],
  [0x4e00, 0x9fa5],
  [0x3041, 0x3096],
  [0x30a1, 0x30fa],
  [0xac00, 0xd7a3],
  [0x3400, 0x4db5],
  [0x20000, 0x2a6d6],
  [0x3131, 0x318e],
  [0x3105, 0x312d],
  [0x3001, 0x303f],
  [0xff01, 0xff5e],
];
/** @type {ReadonlyArray<readonly [number, number]>} */
const OTHER_RANGES = [
  [0x21, 0x7e],
  [0xa1, 0xff],
  [0x300, 0x36f],
  [0x2010, 0x2027],
  [0x20a0, 0x20be],
  [0x2100, 0x218a],
  [0x2190, 0x23fa],
  [0x2500, 0x27bf],
  [0x1f300, 0x1f567],
  [0x1d400, 0x1d454],
  [0xe000, 0xe0ff],
];
/** @type {ReadonlyArray<readonly [number, number]>} */
const CONTROL_RANGES = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
];

/** @param {Random} random @param {readonly string[]} tokens special tokens of the vocabulary */
function piece(random, tokens) {
  switch (random(20)) {
    case 0:
      return pick(random, CONTRACTIONS);
    case 1:
      return pick(random, NUMBERS);
    case 2:
      return repeat(random, 1, 20, () => String(random(10)));
    case 3:
      return repeat(random, 1, 12, () => pick(random, SPACES));
    case 4:
      return repeat(random, 1, 8, () => " ");
    case 5:
      return repeat(random, 1, 10, () => character(random, CJK_RANGES));
    case 6:
      return repeat(random, 1, 3, () => pick(random, EMOJI));
    case 7:
      return pick(random, COMBINING);
    case 8:
      return pick(random, SCRIPTS);
    case 9:
      return repeat(random, 1, 4, () => pick(random, SCRIPTS));
    case 10:
      return pick(random, ["\ud800", "\udc00", "\udbffx", "\ud83d", "\udc00\ud800"]);
    case 11:
      return tokens.length > 0 ? pick(random, tokens) : "<s>";
    case 12:
      // Cut short, or doubled: nearly a special token.
      return tokens.length > 0 ? pick(random, tokens).slice(0, -1) : "<s";
    case 13:
      return repeat(random, 30, 200, () => character(random, LETTER_RANGES));
    case 14:
      return pick(random, WORDS).repeat(1 + random(6));
    case 15:
      return repeat(random, 1, 6, () => character(random, CONTROL_RANGES));
    case 16:
      return repeat(random, 1, 3, () => pick(random, PUNCTUATION));
    case 17:
      return pick(random, CODE);
    case 18:
      return repeat(random, 1, 12, () => character(random, OTHER_RANGES));
    default:
      return pick(random, [...LITERALS, ...INVISIBLE]);
  }
}

/** @param {number} count @param {readonly string[]} tokens special tokens of the vocabulary @returns {string[]} */
export function hardStrings(count, tokens) {
  const random = randomIntegers(0x5eed);
  return Array.from({ length: count }, () => {
    const spaced = random(2) === 0;
    return Array.from({ length: 1 + random(10) }, (_, i) => {
      const word = random(3) === 0 ? pick(random, WORDS) : piece(random, tokens);
      return spaced && i > 0 && random(2) === 0 ? ` ${word}` : word;
    }).join("");
  });
}
