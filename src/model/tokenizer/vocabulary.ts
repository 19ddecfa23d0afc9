import { WebMoEError } from "../../api/errors.ts";

/** What GGUF's `tokenizer.ggml.*` keys say of a vocabulary, as plain data. */
export interface TokenizerMetadata {
  /** `general.name`. */
  readonly name?: string;
  /** `tokenizer.ggml.model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece BPE). */
  readonly model: string;
  /** `tokenizer.ggml.pre`, of byte-level BPE alone. */
  readonly pre?: string;
  readonly tokens: readonly string[];
  /** `llama_token_type` of each token. */
  readonly tokenTypes?: ArrayLike<number>;
  /** Of byte-level BPE: pairs, each joined by a space, first come first merged. */
  readonly merges: readonly string[];
  /** Of SentencePiece: of each token; without them all are equal. */
  readonly scores?: ArrayLike<number>;
  readonly bosId?: number;
  readonly eosId?: number;
  readonly eotId?: number;
  readonly eomId?: number;
  readonly unknownId?: number;
  /** Of SentencePiece: whether a space goes before text at the start and after special tokens; true if absent. */
  readonly addSpacePrefix?: boolean;
  readonly addBos?: boolean;
  readonly addEos?: boolean;
}

/** What a token is: flags, of which a token may have several. */
export const NORMAL = 1;
/** Named in text only where special tokens are asked for, and never shown. */
export const CONTROL = 2;
/** Found in any text before it is cut into words; shown as it is. */
export const USER_DEFINED = 4;
/** Treated like CONTROL. */
export const UNKNOWN = 8;

/** Stands for one byte, which its text names as `<0x0A>`. */
export const BYTE = 16;

/** Takes the white space after it out of the text. */
export const STRIPS_AFTER = 32;

/** Flags of `llama_token_type` 1 to 6; tokens of other types, and the unused (5), show nothing. */
const FLAGS_OF_TYPE = [0, NORMAL, UNKNOWN, CONTROL, USER_DEFINED, 0, BYTE];

export const byteTokenName = (byte: number): string =>
  `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

/** Ids that a kind of vocabulary gives to its special tokens where the file names none. */
interface SpecialIds {
  readonly bosId?: number;
  readonly eosId?: number;
  readonly unknownId?: number;
}

/**
 * llama.cpp's defaults. It has some for `gpt2` too, token 11 for BOS and EOS: no vocabulary means that, so a file
 * of that kind that names none has none here.
 */
const DEFAULT_IDS: Readonly<Record<string, SpecialIds>> = { llama: { bosId: 1, eosId: 2, unknownId: 0 } };

/**
 * Tokens that end a generation by their names, where metadata does not say so; llama.cpp's list
 * (src/llama-vocab.cpp). They are control tokens, whatever their type says.
 */
const END_NAMES = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|flush|>",
  "<|calls|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "</s>",
  "<|eom_id|>",
  "<EOT>",
  "_<EOT>",
  "[EOT]",
  "[EOS]",
  "<|end_of_text|>",
  "<end_of_utterance>",
  "<eos>",
  "<turn|>",
  "<|tool_response>",
  "<｜end▁of▁sentence｜>",
  "[e~[",
];

/** Fill-in-the-middle tokens: control, the first name of a row that exists. Those of the first rows also end. */
const ENDING_FILL_NAMES = [
  ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
  ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
  ["<|file_sep|>"],
];
const FILL_NAMES = [
  [
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
  ],
  [
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
  ],
  [
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|middle|>",
  ],
];

/** Structure that gpt-oss models write and readers want to see. */
const SHOWN_NAMES = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

export interface Vocabulary {
  /** Text of each token; an empty one is named `[EMPTY_id]`. */
  readonly texts: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  /** Flags of each token. */
  readonly kinds: Uint8Array;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly unknownId: number | undefined;
  readonly endIds: ReadonlySet<number>;
}

/** Phi-3's special tokens strip what is after them, all but these; no key says so, and llama.cpp goes by its name. */
const PHI3_KEEPING = ["<unk>", "<s>", "<|endoftext|>"];

const bad = (what: string): WebMoEError =>
  new WebMoEError("bad-gguf", `The tokenizer tables are damaged: ${what}. Get the model file anew.`);

function checkedTexts(tokens: readonly string[]): { texts: string[]; ids: Map<string, number> } {
  if (tokens.length === 0) throw bad("tokenizer.ggml.tokens is empty");
  const ids = new Map<string, number>();
  const texts = tokens.map((token: unknown, id) => {
    if (typeof token !== "string") throw bad(`token ${id} is not a string`);
    const text = token === "" ? `[EMPTY_${id}]` : token;
    const other = ids.get(text);
    // Strings that were not UTF-8 may look alike: they match no text, so that their being two does no harm.
    if (other !== undefined && !text.includes("\ufffd")) throw bad(`tokens ${other} and ${id} are the same`);
    ids.set(text, id);
    return text;
  });
  return { texts, ids };
}

/**
 * Checks the tables and finds out what each token is.
 *
 * Error: `bad-gguf` naming the key or token. Ids outside the vocabulary are ignored, as llama.cpp does.
 */
export function readVocabulary(metadata: TokenizerMetadata): Vocabulary {
  const { texts, ids } = checkedTexts(metadata.tokens);
  const { tokenTypes } = metadata;
  if (tokenTypes && tokenTypes.length < texts.length) {
    throw bad(`tokenizer.ggml.token_type has ${tokenTypes.length} of ${texts.length} entries`);
  }
  const { scores } = metadata;
  if (scores && scores.length < texts.length) {
    throw bad(`tokenizer.ggml.scores has ${scores.length} of ${texts.length} entries`);
  }
  const notScore = scores ? Array.prototype.findIndex.call(scores, Number.isNaN) : -1;
  if (notScore >= 0) throw bad(`score ${notScore} is not a number`);
  const notText = metadata.merges.findIndex((merge: unknown) => typeof merge !== "string");
  if (notText >= 0) throw bad(`merge ${notText} is not a string`);

  const kinds = Uint8Array.from(texts, (_, id) =>
    tokenTypes ? (FLAGS_OF_TYPE[tokenTypes[id]!] ?? 0) : NORMAL,
  );
  const inside = (id: number | undefined): number | undefined =>
    id !== undefined && Number.isInteger(id) && id >= 0 && id < texts.length ? id : undefined;
  const endIds = new Set<number>();
  const end = (id: number | undefined): void => {
    if (id !== undefined) endIds.add(id);
  };
  const firstOf = (names: readonly string[]): number | undefined => {
    const name = names.find((candidate) => ids.has(candidate));
    const id = name === undefined ? undefined : ids.get(name)!;
    if (id !== undefined) kinds[id]! |= CONTROL;
    return id;
  };

  for (const names of ENDING_FILL_NAMES) end(firstOf(names));
  for (const names of FILL_NAMES) firstOf(names);
  for (const name of END_NAMES) end(firstOf([name]));
  for (const name of SHOWN_NAMES) {
    const id = ids.get(name);
    if (id !== undefined) kinds[id] = USER_DEFINED;
  }
  const defaults = DEFAULT_IDS[metadata.model] ?? {};
  const bosId = inside(metadata.bosId) ?? inside(defaults.bosId);
  const eosId = inside(metadata.eosId) ?? inside(defaults.eosId);
  const unknownId = inside(metadata.unknownId) ?? inside(defaults.unknownId);
  for (const id of [eosId, inside(metadata.eotId), inside(metadata.eomId)]) end(id);

  // Where a turn ends by <|return|> or <|call|>, <|end|> only ends a message inside it.
  const ends = (name: string): boolean => endIds.has(ids.get(name) ?? -1);
  const calls = ends("<|call|>") || ends("<|calls|>");
  if (calls && ends("<|end|>") && (ends("<|return|>") || ends("<|flush|>"))) {
    const id = ids.get("<|end|>")!;
    endIds.delete(id);
    kinds[id] = USER_DEFINED;
  }
  if (ends("<|tool_response>") && ends("</s>")) {
    const id = ids.get("</s>")!;
    endIds.delete(id);
    kinds[id] = NORMAL;
  }
  if (/phi-?3/i.test(metadata.name ?? "")) {
    texts.forEach((text, id) => {
      if (!PHI3_KEEPING.includes(text)) kinds[id]! |= STRIPS_AFTER;
    });
  }
  return { texts, ids, kinds, bosId, eosId, unknownId, endIds };
}
