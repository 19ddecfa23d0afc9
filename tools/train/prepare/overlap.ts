/** Keeps held-out text out of training: the corpus splits each of its files, but two files may share a book. */
import type { Document } from "./corpus.ts";

const WORDS = 13;
/** A document goes if more than this share of its runs of 13 words is held out somewhere. */
const SHARED = 0.1;

/** Runs of 13 words. Short documents have one run, of all their words. */
function runsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length <= WORDS) return words.length >= 8 ? [words.join(" ")] : [];
  return Array.from({ length: words.length - WORDS + 1 }, (_, i) => words.slice(i, i + WORDS).join(" "));
}

const textsOf = ({ prompt = "", text }: Document): string => `${prompt}\n${text}`;

export function heldOutRuns(documents: Iterable<Document>): ReadonlySet<string> {
  const runs = new Set<string>();
  for (const document of documents) for (const run of runsOf(textsOf(document))) runs.add(run);
  return runs;
}

export function isHeldOutElsewhere(document: Document, runs: ReadonlySet<string>): boolean {
  const own = runsOf(textsOf(document));
  const shared = own.filter((run) => runs.has(run)).length;
  return shared > own.length * SHARED;
}
