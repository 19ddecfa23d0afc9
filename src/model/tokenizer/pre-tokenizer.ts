import { WebMoEError } from "../../api/errors.ts";
import { PATTERNS } from "./pre-tokenizer-patterns.ts";

/** How text is cut into words before byte pairs merge, by the name in `tokenizer.ggml.pre`. */
export interface PreTokenizer {
  /** Each pattern cuts the pieces of the one before it: into its matches and what lies between them. */
  readonly patterns: readonly RegExp[];
  /** A word that is a token as a whole is that token, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** Whether texts begin with BOS where the file does not say. */
  readonly addBos: boolean;
}

interface Row {
  readonly patterns: keyof typeof PATTERNS;
  readonly names: readonly string[];
  readonly ignoreMerges?: true;
  readonly addBos?: true;
}

/**
 * Names as llama.cpp groups them (src/llama-vocab.cpp, llama_vocab::impl::load). Missing are those of models that
 * only embed, and those whose vocabulary is not byte-level (gemma4, sarvam-moe, whitespace) or whose patterns are
 * written in code there (kimi-k2, superbpe, tiny_aya, cohere2moe, afmoe).
 */
const ROWS: readonly Row[] = [
  { patterns: "default", names: ["default"] },
  {
    patterns: "gpt2",
    names: [
      "gpt-2",
      "phi-2",
      "mpt",
      "olmo",
      "jais",
      "trillion",
      "granite-docling",
      "exaone4",
      "gigachat",
      "a.x-4.0",
      "mellum",
    ],
  },
  {
    patterns: "digitsApart",
    names: ["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"],
  },
  { patterns: "falcon", names: ["falcon"] },
  {
    patterns: "llama3",
    names: ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
    ignoreMerges: true,
    addBos: true,
  },
  { patterns: "llama3", names: ["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"] },
  { patterns: "minicpm5", names: ["minicpm5"], ignoreMerges: true },
  { patterns: "jais2", names: ["jais-2"] },
  {
    patterns: "qwen2",
    names: ["qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2", "kormo"],
  },
  { patterns: "qwen35", names: ["qwen35"] },
  { patterns: "laguna", names: ["laguna"] },
  { patterns: "tekken", names: ["tekken"], ignoreMerges: true, addBos: true },
  { patterns: "gpt4o", names: ["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"] },
  { patterns: "deepseekLlm", names: ["deepseek-llm"] },
  { patterns: "deepseekCoder", names: ["deepseek-coder"] },
  { patterns: "deepseek3", names: ["deepseek-v3", "hunyuan-dense", "joyai-llm"] },
  { patterns: "youtu", names: ["youtu"], ignoreMerges: true },
  { patterns: "chameleon", names: ["chameleon"], addBos: true },
  { patterns: "bailing", names: ["bailingmoe", "bailingmoe2", "llada-moe"] },
  { patterns: "seedCoder", names: ["seed-coder"] },
  { patterns: "exaoneMoe", names: ["exaone-moe"] },
  { patterns: "finnish", names: ["poro-chat", "bloom", "gpt3-finnish"] },
  { patterns: "viking", names: ["viking"] },
];

const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map(
  ROWS.flatMap(({ patterns, names, ignoreMerges = false, addBos = false }) =>
    names.map((name) => [name, { patterns: PATTERNS[patterns], ignoreMerges, addBos }] as const),
  ),
);

/** Every name that `preTokenizer` knows. */
export const PRE_TOKENIZER_NAMES: readonly string[] = [...PRE_TOKENIZERS.keys()];

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
    `tokenizer.ggml.pre "${name}" is not known here. Known: ${PRE_TOKENIZER_NAMES.join(", ")}.`,
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
