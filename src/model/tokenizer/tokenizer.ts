import { WebMoEError } from "../../api/errors.ts";
import type { Core } from "../../wasm/core.ts";
import { byteLevel } from "./byte-level.ts";
import type { Scheme } from "./scheme.ts";
import { sentencePiece } from "./sentence-piece.ts";
import { specialSplitter } from "./special.ts";
import {
  BYTE,
  CONTROL,
  NORMAL,
  readVocabulary,
  type TokenizerMetadata,
  UNKNOWN,
  USER_DEFINED,
  type Vocabulary,
} from "./vocabulary.ts";

export type { TokenizerMetadata } from "./vocabulary.ts";

/** Text of a stream of tokens. A UTF-8 character appears with the token that completes it. */
export interface TokenDecoder {
  push(id: number): string;
  /** What was incomplete at the end, as U+FFFD. */
  end(): string;
}

export interface Tokenizer {
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** Whether texts begin with BOS by default. */
  readonly addsBos: boolean;
  /** Tokens that end a generation. */
  readonly endIds: ReadonlySet<number>;
  /** Texts of the tokens that `special` parses, longest first. */
  readonly controlTexts: readonly string[];
  /** Whether a token is one that only `special` parses. */
  isControl(id: number): boolean;
  /** A token as the vocabulary writes it. */
  textOf(id: number): string;
  /**
   * Token ids of a text. `special` (default true) parses control tokens in it. `addBos` false gives the text
   * alone, true puts BOS in front where the vocabulary has one; by default the file decides. Where the file asks
   * for EOS after texts, it goes with all but `addBos` false. Unpaired surrogates count as U+FFFD. What is between
   * special tokens is read as `restore` gives it back.
   */
  encode(
    text: string,
    options?: { special?: boolean; addBos?: boolean; restore?: (text: string) => string },
  ): Uint32Array;
  /**
   * Text of the ids from its start, control tokens left out; bytes that are not UTF-8 become U+FFFD. Of a
   * vocabulary that puts a space before texts, one space is taken from the first token.
   */
  decode(ids: ArrayLike<number>): string;
  /** A decoder for tokens that go on after others, as generated ones do; `start`: for a text from its start. */
  decoder(options?: { start?: boolean }): TokenDecoder;
}

const NOTHING = new Uint8Array(0);
const utf8 = new TextEncoder();

const SCHEMES: ReadonlyMap<
  string,
  (core: Core, vocabulary: Vocabulary, metadata: TokenizerMetadata) => Scheme
> = new Map([
  ["gpt2", byteLevel],
  ["llama", sentencePiece],
]);

/** What a token shows: nothing, its text, its byte, or the bytes its text stands for. */
function shownBytes(text: string, kind: number, scheme: Scheme): Uint8Array {
  if (kind & (CONTROL | UNKNOWN)) return NOTHING;
  if (kind & USER_DEFINED) return utf8.encode(text);
  if (kind & NORMAL) return scheme.bytesOf(text);
  // A byte token without a number is byte 0, as in llama.cpp.
  return kind & BYTE ? Uint8Array.of(Number.parseInt(text.slice(3, 5), 16) || 0) : NOTHING;
}

const SPACE_BYTE = 0x20;

/**
 * The tokenizer of a byte-level BPE vocabulary (`tokenizer.ggml.model` = `gpt2`) or a SentencePiece BPE one
 * (`llama`), token for token llama.cpp's. Differences, where files lack what they should have: a `gpt2` file that
 * names no BOS or EOS has none, where llama.cpp takes token 11; a character without byte tokens is the unknown
 * token, where llama.cpp fails. Text is that of the tokens, as llama.cpp generates it: the spaces that its
 * `llama_detokenize` removes before punctuation (`clean_up_tokenization_spaces`) stay.
 *
 * Errors: `unsupported-architecture` for another tokenizer model or an unknown pre-tokenizer, `bad-gguf` for
 * damaged tables.
 */
export function createTokenizer(core: Core, metadata: TokenizerMetadata): Tokenizer {
  const createScheme = SCHEMES.get(metadata.model);
  if (!createScheme) {
    throw new WebMoEError(
      "unsupported-architecture",
      `tokenizer.ggml.model "${metadata.model}" is not supported: "gpt2" (byte-level BPE) and "llama" (SentencePiece BPE) are.`,
    );
  }
  const vocabulary = readVocabulary(metadata);
  const { texts, kinds, bosId, eosId, endIds } = vocabulary;
  const splitSpecial = specialSplitter(vocabulary);
  const scheme = createScheme(core, vocabulary, metadata);
  const spacePrefix = scheme.spacePrefix && metadata.addSpacePrefix !== false;
  const addsBos = metadata.addBos ?? scheme.addBos;
  const isControl = (id: number): boolean => (kinds[id]! & (CONTROL | UNKNOWN)) !== 0;

  const pieces = new Map<number, Uint8Array>();
  const pieceOf = (id: number): Uint8Array => {
    const cached = pieces.get(id);
    if (cached) return cached;
    const text = texts[id];
    if (text === undefined) {
      throw new WebMoEError("invalid-argument", `Token ${id} is outside the vocabulary of ${texts.length}.`);
    }
    const bytes = shownBytes(text, kinds[id]!, scheme);
    pieces.set(id, bytes);
    return bytes;
  };

  const decoder = ({ start = false } = {}): TokenDecoder => {
    // A byte order mark is text like any other here.
    const stream = new TextDecoder("utf-8", { ignoreBOM: true });
    let spaceBefore = start && spacePrefix;
    return {
      push(id) {
        const piece = pieceOf(id);
        const skipped = spaceBefore && piece[0] === SPACE_BYTE ? 1 : 0;
        spaceBefore = false;
        return stream.decode(piece.subarray(skipped), { stream: true });
      },
      end: () => stream.decode(),
    };
  };

  return {
    vocabSize: texts.length,
    bosId,
    eosId,
    addsBos,
    endIds,
    controlTexts: texts.filter((_, id) => isControl(id)).sort((a, b) => b.length - a.length),
    isControl,
    textOf: (id) => texts[id] ?? "",
    encode(text, { special = true, addBos, restore = (fragment: string) => fragment } = {}) {
      const ids: number[] = [];
      if ((addBos ?? addsBos) && bosId !== undefined) ids.push(bosId);
      let afterSpecial = true;
      for (const fragment of splitSpecial(text.replace(/\p{Surrogate}/gu, "\ufffd"), special)) {
        if (typeof fragment === "number") ids.push(fragment);
        else {
          const original = restore(fragment);
          scheme.encode(spacePrefix && afterSpecial ? ` ${original}` : original, ids);
        }
        afterSpecial = typeof fragment === "number";
      }
      if (addBos !== false && metadata.addEos && eosId !== undefined) ids.push(eosId);
      return Uint32Array.from(ids);
    },
    decode(ids) {
      const stream = decoder({ start: true });
      return Array.from(ids, (id) => stream.push(id)).join("") + stream.end();
    },
    decoder,
  };
}
