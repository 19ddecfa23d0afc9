/**
 * Held-out texts as every model gets them, whatever its vocabulary: cut at the same characters, and scored on the same
 * bytes. Of a question only the answer is scored. Of plain text the first word is given, because without a token
 * before it no model could know it; the text is divided before a space, where all vocabularies divide it.
 */
import type { Tokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { ASSISTANT, END, type Sample, USER } from "../prepare/form.ts";

/** Longer texts are cut: the present model was trained on 512 tokens. */
const LONGEST = 1200;

interface Part {
  readonly text: string;
  readonly special: boolean;
  readonly scored: boolean;
}

const part = (text: string, scored: boolean, special = false): Part => ({ text, special, scored });

/** The first `length` characters, less the word that is cut; undefined if nothing is cut. */
function cut(text: string, length: number): string | undefined {
  if (text.length <= length) return undefined;
  const end = text.lastIndexOf(" ", length);
  return text.slice(0, end > 0 ? end : length);
}

/** Undefined for a text that is too short, or whose question alone is too long. */
function partsOf({ turns, plain }: Sample): Part[] | undefined {
  if (plain !== undefined) {
    const space = plain.search(/\S\s/) + 1;
    if (space === 0) return undefined;
    const rest = plain.slice(space);
    const shorter = cut(rest, LONGEST);
    const first = part(plain.slice(0, space), false);
    return shorter === undefined
      ? [first, part(rest, true), part(END, true, true)]
      : [first, part(shorter, true)];
  }
  const parts: Part[] = [];
  let room = LONGEST;
  for (const { question, answer } of turns) {
    room -= question.length;
    if (room < 100) break;
    const shorter = cut(answer, room);
    parts.push(
      part(USER, false, true),
      part(`\n${question}\n`, false),
      part(ASSISTANT, false, true),
      part("\n", false),
    );
    parts.push(part(shorter ?? answer, true));
    if (shorter !== undefined) break;
    parts.push(part(END, true, true));
    room -= answer.length;
  }
  return parts.length > 0 ? parts : undefined;
}

export interface ScoredDocument {
  readonly ids: readonly number[];
  readonly scored: readonly boolean[];
  /** UTF-8 bytes of the scored text; control tokens have none, but cost bits. */
  readonly bytes: number;
}

/** Documents of a domain, in order, until `bytes` are scored. */
export function scoredDocuments(
  samples: readonly Sample[],
  tokenizer: Tokenizer,
  bytes: number,
): ScoredDocument[] {
  const documents: ScoredDocument[] = [];
  const utf8 = new TextEncoder();
  let total = 0;
  for (const sample of samples) {
    if (total >= bytes) break;
    const ids: number[] = [];
    const scored: boolean[] = [];
    let size = 0;
    for (const { text, special, scored: counts } of partsOf(sample) ?? []) {
      const more = tokenizer.encode(text, { special, addBos: false });
      ids.push(...more);
      for (const _ of more) scored.push(counts);
      if (counts && !special) size += utf8.encode(text).length;
    }
    if (ids.length < 2 || size === 0) continue;
    documents.push({ ids, scored, bytes: size });
    total += size;
  }
  return documents;
}
