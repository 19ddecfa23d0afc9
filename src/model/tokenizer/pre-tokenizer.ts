import { WebMoEError } from "../../api/errors.ts";

/**
 * How text is cut into words before byte pairs merge, by the name in `tokenizer.ggml.pre`. The patterns are
 * those llama.cpp uses for the names (src/llama-vocab.cpp, llm_tokenizer_bpe). Its whitespace is Unicode's
 * White_Space, which JavaScript's `\s` is not: that has U+FEFF and lacks U+0085. Letters and digits are those of
 * the engine's Unicode version: only characters that one of the two does not know yet can be cut differently.
 */
export interface PreTokenizer {
  /** Each pattern cuts the pieces of the one before it: into its matches and what lies between them. */
  readonly patterns: readonly RegExp[];
  /** A word that is a token as a whole is that token, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether texts begin with BOS where the file does not say. */
  readonly addBos: boolean;
}

const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const LLAMA3 =
  /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const QWEN2 =
  /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\p{White_Space}\p{L}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const QWEN35 =
  /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\p{White_Space}\p{L}\p{M}\p{N}]+[\r\n]*|\p{White_Space}*[\r\n]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const plain = (...patterns: RegExp[]): PreTokenizer => ({ patterns, ignoreMerges: false, addBos: false });

const gpt2 = plain(GPT2);
const qwen2 = plain(QWEN2);
const llama3: PreTokenizer = { patterns: [LLAMA3], ignoreMerges: true, addBos: true };
const digitsApart = plain(/\p{N}/gu, GPT2);

const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map([
  ["default", plain(/[\p{P}$+<=>^~|]+/gu, GPT2, /\p{N}+/gu, /[0-9]{3}/gu)],
  ...["gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4"].map(
    (name) => [name, gpt2] as const,
  ),
  ...["qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2"].map(
    (name) => [name, qwen2] as const,
  ),
  ["qwen35", plain(QWEN35)],
  ...["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"].map(
    (name) => [name, llama3] as const,
  ),
  ...["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"].map((name) => [name, plain(LLAMA3)] as const),
  ...["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"].map(
    (name) => [name, digitsApart] as const,
  ),
]);

/**
 * The pre-tokenizer of that name; without a name, `default`, as in llama.cpp.
 *
 * Error: `unsupported-architecture` for a name that is not in the table.
 */
export function preTokenizer(name = "default"): PreTokenizer {
  const found = PRE_TOKENIZERS.get(name);
  if (found) return found;
  throw new WebMoEError(
    "unsupported-architecture",
    `tokenizer.ggml.pre "${name}" is not known here. Known: ${[...PRE_TOKENIZERS.keys()].join(", ")}.`,
  );
}

/** Appends what `pattern` cuts `piece` into: its matches and what lies between them. */
function cut(piece: string, pattern: RegExp, into: string[]): void {
  let end = 0;
  for (const match of piece.matchAll(pattern)) {
    if (match.index > end) into.push(piece.slice(end, match.index));
    into.push(match[0]);
    end = match.index + match[0].length;
  }
  if (end < piece.length) into.push(piece.slice(end));
}

/**
 * The words of `text`, in order; together they are the text.
 *
 * Error: `invalid-argument` for a word of several million characters, which engines cannot match.
 */
export function splitWords(text: string, { patterns }: PreTokenizer): string[] {
  let pieces = text === "" ? [] : [text];
  try {
    for (const pattern of patterns) {
      const words: string[] = [];
      for (const piece of pieces) cut(piece, pattern, words);
      pieces = words;
    }
  } catch (cause) {
    // Regular expressions keep a stack of what they have matched, and a run can be longer than it.
    if (!(cause instanceof RangeError)) throw cause;
    throw new WebMoEError(
      "invalid-argument",
      `A text of ${text.length} characters holds a word too long to match: put spaces or line breaks in it.`,
      { cause },
    );
  }
  return pieces;
}
