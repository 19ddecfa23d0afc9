/**
 * The patterns that cut text into words, by what llama.cpp applies for the names in `tokenizer.ggml.pre`
 * (src/llama-vocab.cpp, llm_tokenizer_bpe), where several cut one after the other. Its whitespace is Unicode's
 * White_Space, which JavaScript's `\s` is not: that has U+FEFF and lacks U+0085. Letters and digits are those of
 * the engine's Unicode version: only characters that one of the two does not know yet can be cut differently.
 */

const SPACE = String.raw`\p{White_Space}`;

/** Alternatives of one pattern, the first that matches wins. */
const pattern = (...alternatives: readonly string[]): RegExp => new RegExp(alternatives.join("|"), "gu");

const CONTRACTIONS = `'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]`;
/** Letters, with the one character before them that may be a space or a sign. */
const LETTERS = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const SIGNS = String.raw` ?[^${SPACE}\p{L}\p{N}]+`;
const LINES = String.raw`${SPACE}*[\r\n]+`;
/** A run of spaces leaves its last one to the word after it. */
const SPACES = String.raw`${SPACE}+(?!\P{White_Space})|${SPACE}+`;

const DIGIT = /\p{N}/gu;
const UP_TO_3_DIGITS = /\p{N}{1,3}/gu;
const LINE_BREAK = /[\r\n]/gu;

const gpt2 = pattern("'s|'t|'re|'ve|'m|'ll|'d", String.raw` ?\p{L}+`, String.raw` ?\p{N}+`, SIGNS, SPACES);

const llama3Like = (digits: string): RegExp =>
  pattern(CONTRACTIONS, LETTERS, digits, String.raw`${SIGNS}[\r\n]*`, LINES, SPACES);

const llama3 = llama3Like(String.raw`\p{N}{1,3}`);
const qwen2 = llama3Like(String.raw`\p{N}`);

const qwen35 = pattern(
  CONTRACTIONS,
  String.raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+`,
  String.raw`\p{N}`,
  String.raw` ?[^${SPACE}\p{L}\p{M}\p{N}]+[\r\n]*`,
  LINES,
  SPACES,
);

/**
 * Words by their case: capitals, then small letters. llama.cpp knows the case of ASCII letters alone and takes all
 * others for both.
 */
function casedLike(suffix: string, digits: string): RegExp {
  const capital = String.raw`(?:(?![a-z])\p{L})`;
  const small = String.raw`(?:(?![A-Z])\p{L})`;
  return pattern(
    String.raw`[^\r\n\p{L}\p{N}]?${capital}*${small}+${suffix}`,
    String.raw`[^\r\n\p{L}\p{N}]?${capital}+${small}*${suffix}`,
    digits,
    String.raw`${SIGNS}[\r\n/]*`,
    LINES,
    SPACES,
  );
}

const deepseek3 = pattern(
  String.raw`[!"#$%&'()*+,\-.\/:;<=>?@[\\\]^_\x60{|}~][A-Za-z]+`,
  String.raw`[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`,
  String.raw` ?[\p{P}\p{S}]+[\r\n]*`,
  LINES,
  SPACES,
);

/** DeepSeek LLM's letters: those with case, as they were when its tokenizer was made. */
const DEEPSEEK_LETTERS = [
  String.raw`A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF`,
  String.raw`\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5`,
  String.raw`\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA`,
  String.raw`\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45`,
  String.raw`\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE`,
  String.raw`\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC`,
  String.raw`\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139`,
  String.raw`\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3`,
  String.raw`\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06`,
  String.raw`\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\u{10400}-\u{1044F}\u{104B0}-\u{104D3}\u{104D8}-\u{104FB}`,
  String.raw`\u{10C80}-\u{10CB2}\u{10CC0}-\u{10CF2}\u{118A0}-\u{118DF}\u{1E900}-\u{1E943}`,
].join("");

/** Where llama.cpp's ranges hold white space, it does not match there. */
const DEEPSEEK_CJK = new RegExp(String.raw`(?:(?!${SPACE})[\u0800-\u9FA5\uAC00-\uD7FF])+`, "gu");

const FINNISH_WORDS = new RegExp(` ?[^(${SPACE}|.,!?…。，、।۔،)]+`, "gu");

/** Each pattern cuts the pieces of the one before it: into its matches and what lies between them. */
export const PATTERNS = {
  default: [/[\p{P}$+<=>^~|]+/gu, gpt2, /\p{N}+/gu, /[0-9]{3}/gu],
  gpt2: [gpt2],
  digitsApart: [DIGIT, gpt2],
  falcon: [/[\p{P}$+<=>^~|`]+/gu, gpt2, /[0-9]{3}/gu],
  llama3: [llama3],
  minicpm5: [UP_TO_3_DIGITS, llama3Like(String.raw`\p{N}+`)],
  jais2: [
    pattern(
      CONTRACTIONS,
      LETTERS,
      String.raw`\p{N}{1,3}`,
      String.raw`${SIGNS}[\r\n]*`,
      LINES,
      ...["512", "256", "128", "64", "32", "16", "8", "4", "1,2"].map(
        (count) => String.raw`${SPACE}{${count}}(?!\P{White_Space})`,
      ),
      SPACE,
    ),
  ],
  qwen2: [qwen2],
  qwen35: [qwen35],
  laguna: [/[^\n]+|\n+/gu, qwen2],
  tekken: [casedLike("", String.raw`\p{N}`)],
  gpt4o: [casedLike(`(?:${CONTRACTIONS})?`, String.raw`\p{N}{1,3}`)],
  deepseekLlm: [
    LINE_BREAK,
    new RegExp(`${SPACE}?[${DEEPSEEK_LETTERS}]+`, "gu"),
    new RegExp(String.raw`${SPACE}?[!-\/:-~！-／：-～‘-‟\u3001\u3002]+`, "gu"),
    new RegExp(`${SPACE}+$`, "gu"),
    DEEPSEEK_CJK,
    /\p{N}+/gu,
  ],
  deepseekCoder: [
    LINE_BREAK,
    new RegExp(String.raw`${SPACE}?\p{L}+`, "gu"),
    new RegExp(String.raw`${SPACE}?\p{P}+`, "gu"),
    DEEPSEEK_CJK,
    DIGIT,
  ],
  deepseek3: [UP_TO_3_DIGITS, /[\u4E00-\u9FA5\u3040-\u30FF]+/gu, deepseek3],
  youtu: [
    /[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[\u4E00-\u9FA5\u3040-\u30FF]+/gu,
    pattern(
      String.raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+(?:${CONTRACTIONS})?`,
      String.raw`\p{N}`,
      String.raw`${SIGNS}[\r\n/]*`,
      LINES,
      SPACES,
    ),
  ],
  chameleon: [
    /<sentinel:[0-9]+>/gu,
    /IMGIMG[A-I]{1,4}Z/gu,
    /[\t\n]| {4}| {2}/gu,
    DIGIT,
    /[\p{P}!-/:-@[-`{-~]/gu,
    gpt2,
  ],
  bailing: [
    pattern(
      "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])",
      LETTERS,
      String.raw`\p{N}`,
      String.raw`${SIGNS}[\r\n]*`,
      String.raw`${SPACE}*[\r\n]`,
      SPACES,
    ),
  ],
  seedCoder: [
    pattern(
      CONTRACTIONS,
      LETTERS,
      String.raw`\p{N}`,
      String.raw` ?[^${SPACE}\p{L}\p{N}\r\n]+`,
      LINES,
      SPACES,
    ),
  ],
  exaoneMoe: [
    pattern(
      CONTRACTIONS,
      String.raw`[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+`,
      String.raw`\p{N}`,
      String.raw`${SIGNS}[\r\n/]?`,
      String.raw`${SPACE}*[\r\n]`,
      SPACES,
    ),
  ],
  finnish: [FINNISH_WORDS],
  viking: [FINNISH_WORDS, DIGIT],
} as const satisfies Record<string, readonly RegExp[]>;
