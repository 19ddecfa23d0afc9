/** Learns a byte-level BPE vocabulary: again and again the most frequent pair of neighbours becomes a token. */
import { preTokenizer, splitWords } from "../../../src/model/tokenizer/pre-tokenizer.ts";

/** Digits are words of their own, line breaks join the sign before them, indentation is one word. */
export const PRE_TOKENIZER = "qwen2";

/** GPT-2's letters for bytes. */
export const BYTE_LETTERS: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCodePoint(printable ? byte : next++);
  });
})();

export interface Vocabulary {
  readonly tokens: readonly string[];
  /** Pairs joined by a space, in the order they were learnt. */
  readonly merges: readonly string[];
}

/** Counts words; each text counts `weight` times. */
export function wordCounter(): {
  add(text: string, weight: number): void;
  counts: ReadonlyMap<string, number>;
} {
  const split = preTokenizer(PRE_TOKENIZER);
  const counts = new Map<string, number>();
  return {
    counts,
    add(text, weight) {
      for (const word of splitWords(text, split)) counts.set(word, (counts.get(word) ?? 0) + weight);
    },
  };
}

/** A pair of token ids as one number. */
const SPAN = 65536;

interface Pair {
  readonly key: number;
  readonly count: number;
}

/** Largest count first; of equals the lowest key. */
const before = (a: Pair, b: Pair): boolean => a.count > b.count || (a.count === b.count && a.key < b.key);

function heap(): { push(pair: Pair): void; pop(): Pair | undefined } {
  const items: Pair[] = [];
  const swap = (i: number, j: number): void => {
    [items[i], items[j]] = [items[j]!, items[i]!];
  };
  return {
    push(pair) {
      let at = items.push(pair) - 1;
      while (at > 0 && before(items[at]!, items[(at - 1) >> 1]!)) {
        swap(at, (at - 1) >> 1);
        at = (at - 1) >> 1;
      }
    },
    pop() {
      const top = items[0];
      const last = items.pop();
      if (top === undefined || last === undefined || items.length === 0) return top;
      items[0] = last;
      for (let at = 0; ; ) {
        const left = 2 * at + 1;
        if (left >= items.length) return top;
        const child = left + 1 < items.length && before(items[left + 1]!, items[left]!) ? left + 1 : left;
        if (!before(items[child]!, items[at]!)) return top;
        swap(at, child);
        at = child;
      }
    },
  };
}

/**
 * A vocabulary of `size` tokens: control tokens, the 256 bytes, one token a merge.
 * @param counts words and their weights; what is rarer than `leastCount` is left out
 */
export function learnVocabulary(
  counts: ReadonlyMap<string, number>,
  control: readonly string[],
  size: number,
  leastCount: number,
): Vocabulary {
  const utf8 = new TextEncoder();
  const tokens = [...control, ...BYTE_LETTERS];
  const merges: string[] = [];
  const words: number[][] = [];
  const weights: number[] = [];
  for (const [word, weight] of counts) {
    if (weight < leastCount) continue;
    words.push(Array.from(utf8.encode(word), (byte) => control.length + byte));
    weights.push(weight);
  }
  const pairCounts = new Map<number, number>();
  const pairWords = new Map<number, Set<number>>();
  const queue = heap();
  const count = (key: number, word: number, weight: number): void => {
    pairCounts.set(key, (pairCounts.get(key) ?? 0) + weight);
    if (weight < 0) return;
    const places = pairWords.get(key);
    if (places) places.add(word);
    else pairWords.set(key, new Set([word]));
  };
  for (const [index, ids] of words.entries())
    for (let i = 0; i + 1 < ids.length; i++) count(ids[i]! * SPAN + ids[i + 1]!, index, weights[index]!);
  for (const [key, total] of pairCounts) queue.push({ key, count: total });

  while (tokens.length < size) {
    const best = queue.pop();
    if (!best) throw new Error(`The texts give ${tokens.length} tokens only, not ${size}.`);
    // Counts in the queue may be old.
    const now = pairCounts.get(best.key) ?? 0;
    if (now !== best.count) {
      if (now > 0) queue.push({ key: best.key, count: now });
      continue;
    }
    const left = Math.floor(best.key / SPAN);
    const right = best.key % SPAN;
    const merged = tokens.length;
    tokens.push(tokens[left]! + tokens[right]!);
    merges.push(`${tokens[left]} ${tokens[right]}`);
    const grown = new Set<number>();
    for (const index of pairWords.get(best.key) ?? []) {
      const ids = words[index]!;
      const weight = weights[index]!;
      for (let i = 0; i + 1 < ids.length; i++) {
        if (ids[i] !== left || ids[i + 1] !== right) continue;
        if (i > 0) {
          count(ids[i - 1]! * SPAN + left, index, -weight);
          count(ids[i - 1]! * SPAN + merged, index, weight);
          grown.add(ids[i - 1]! * SPAN + merged);
        }
        if (i + 2 < ids.length) {
          count(right * SPAN + ids[i + 2]!, index, -weight);
          count(merged * SPAN + ids[i + 2]!, index, weight);
          grown.add(merged * SPAN + ids[i + 2]!);
        }
        ids.splice(i, 2, merged);
      }
    }
    pairCounts.delete(best.key);
    pairWords.delete(best.key);
    for (const key of grown) queue.push({ key, count: pairCounts.get(key) ?? 0 });
  }
  return { tokens, merges };
}
