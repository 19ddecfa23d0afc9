/** What the picks of held-out texts say of the experts. */
import type { Shape } from "../weights.ts";

/** Picks of a text, `[tokens][layers][expertsPerToken]`. */
export type Picks = Uint8Array;

/** Each expert's share of the assignments, times the number of experts: 1 is an even load. `[layers][experts]` */
export function frequencies(
  { layers, experts, expertsPerToken }: Shape,
  texts: readonly Picks[],
): number[][] {
  const counts = Array.from({ length: layers }, () => new Array<number>(experts).fill(0));
  let assignments = 0;
  for (const picks of texts) {
    assignments += picks.length / layers;
    for (const [i, expert] of picks.entries())
      counts[Math.floor(i / expertsPerToken) % layers]![expert]! += 1;
  }
  return counts.map((layer) => layer.map((count) => (count * experts) / assignments));
}

/** Jensen-Shannon divergence of two rows of frequencies, in bits: 0 the same experts, 1 none in common. */
export function divergence(a: readonly number[], b: readonly number[]): number {
  const share = (row: readonly number[], i: number): number => row[i]! / row.length;
  const toward = (row: readonly number[]): number =>
    row.reduce((sum, _, i) => {
      const p = share(row, i);
      return p > 0 ? sum + p * Math.log2((2 * p) / (share(a, i) + share(b, i))) : sum;
    }, 0);
  return (toward(a) + toward(b)) / 2;
}

/** Share of a layer's experts that the first `count` tokens of a text use; the mean over layers and long enough texts. */
export function touched(
  { layers, experts, expertsPerToken }: Shape,
  texts: readonly Picks[],
  count: number,
): number | undefined {
  const width = layers * expertsPerToken;
  const long = texts.filter((picks) => picks.length >= count * width);
  if (long.length === 0) return undefined;
  const used = long.map((picks) => {
    const seen = new Set<number>();
    for (let i = 0; i < count * width; i++)
      seen.add((Math.floor(i / expertsPerToken) % layers) * experts + picks[i]!);
    return seen.size;
  });
  return used.reduce((a, b) => a + b, 0) / (long.length * layers * experts);
}

/** Share of the picks that are found in a cache a layer of `slots` experts, least recently used out first. */
export function lruHitRatio(
  { layers, expertsPerToken }: Shape,
  texts: readonly Picks[],
  slots: number,
): number {
  const caches: number[][] = Array.from({ length: layers }, () => []);
  let hits = 0;
  let all = 0;
  for (const picks of texts)
    for (const [i, expert] of picks.entries()) {
      const cache = caches[Math.floor(i / expertsPerToken) % layers]!;
      const at = cache.indexOf(expert);
      all++;
      if (at >= 0) {
        hits++;
        cache.splice(at, 1);
      } else if (cache.length === slots) cache.shift();
      cache.push(expert);
    }
  return hits / all;
}
