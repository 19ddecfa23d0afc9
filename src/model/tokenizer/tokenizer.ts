import { WebMoEError } from "../../api/errors.ts";
import type { Core } from "../../wasm/core.ts";
import { tokenTextBytes } from "./byte-alphabet.ts";
import { bpeTables } from "./merges.ts";
import { preTokenizer, splitWords } from "./pre-tokenizer.ts";
import { specialSplitter } from "./special.ts";
import {
  CONTROL,
  NORMAL,
  readVocabulary,
  type TokenizerMetadata,
  UNKNOWN,
  USER_DEFINED,
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
  /** Tokens that end a generation. */
  readonly endIds: ReadonlySet<number>;
  /**
   * Token ids of a text. `special` (default true) parses control tokens in it. `addBos` false gives the text
   * alone, true puts BOS in front where the vocabulary has one; by default the file decides. Where the file asks
   * for EOS after texts, it goes with all but `addBos` false. Unpaired surrogates count as U+FFFD.
   */
  encode(text: string, options?: { special?: boolean; addBos?: boolean }): Uint32Array;
  /** Text of the ids, control tokens left out; bytes that are not UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>): string;
  decoder(): TokenDecoder;
}

const utf8 = new TextEncoder();

/** What a token shows: nothing, its text, or the bytes its text stands for. */
function tokenBytes(text: string, kind: number): Uint8Array {
  if (kind & (CONTROL | UNKNOWN)) return new Uint8Array(0);
  if (kind & USER_DEFINED) return utf8.encode(text);
  return kind & NORMAL ? tokenTextBytes(text) : new Uint8Array(0);
}

/**
 * The tokenizer of a byte-level BPE vocabulary (`tokenizer.ggml.model` = `gpt2`), token for token llama.cpp's.
 * One difference: a file that names no BOS or EOS has none, where llama.cpp takes token 11.
 *
 * Errors: `unsupported-architecture` for another tokenizer model or an unknown pre-tokenizer, `bad-gguf` for
 * damaged tables.
 */
export function createTokenizer(core: Core, metadata: TokenizerMetadata): Tokenizer {
  if (metadata.model !== "gpt2") {
    throw new WebMoEError(
      "unsupported-architecture",
      `tokenizer.ggml.model "${metadata.model}" is not supported: only "gpt2" (byte-level BPE) is.`,
    );
  }
  const pre = preTokenizer(metadata.pre);
  const vocabulary = readVocabulary(metadata);
  const { texts, kinds, bosId, eosId, endIds } = vocabulary;
  const splitSpecial = specialSplitter(vocabulary);
  core.loadBpe(bpeTables(texts, metadata.merges, pre.ignoreMerges));

  const pieces = new Map<number, Uint8Array>();
  const pieceOf = (id: number): Uint8Array => {
    const cached = pieces.get(id);
    if (cached) return cached;
    const text = texts[id];
    if (text === undefined) {
      throw new WebMoEError("invalid-argument", `Token ${id} is outside the vocabulary of ${texts.length}.`);
    }
    const bytes = tokenBytes(text, kinds[id]!);
    pieces.set(id, bytes);
    return bytes;
  };

  const decoder = (): TokenDecoder => {
    // A byte order mark is text like any other here.
    const stream = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      push: (id) => stream.decode(pieceOf(id), { stream: true }),
      end: () => stream.decode(),
    };
  };

  return {
    vocabSize: texts.length,
    bosId,
    endIds,
    encode(text, { special = true, addBos } = {}) {
      const ids: number[] = [];
      if ((addBos ?? metadata.addBos ?? pre.addBos) && bosId !== undefined) ids.push(bosId);
      for (const fragment of splitSpecial(text.replace(/\p{Surrogate}/gu, "\ufffd"), special)) {
        if (typeof fragment === "number") {
          ids.push(fragment);
          continue;
        }
        for (const word of splitWords(fragment, pre)) {
          for (const id of core.encodeWord(utf8.encode(word))) ids.push(id);
        }
      }
      if (addBos !== false && metadata.addEos && eosId !== undefined) ids.push(eosId);
      return Uint32Array.from(ids);
    },
    decode(ids) {
      const stream = decoder();
      return Array.from(ids, (id) => stream.push(id)).join("") + stream.end();
    },
    decoder,
  };
}
