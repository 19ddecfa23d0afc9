import { forEachPick, type RoutingPass } from "./routing-log.ts";

/** How often the tokens of a text went to each expert: the text's fingerprint in one model. */
export interface Usage {
  readonly layerCount: number;
  readonly expertCount: number;
  /** Generated tokens that were computed; those of prompts do not count, since every turn computes them anew. */
  tokens: number;
  /** `[layerCount, expertCount]`, row-major. */
  readonly counts: Uint32Array<ArrayBuffer>;
}

export const emptyUsage = (layerCount: number, expertCount: number): Usage => ({
  layerCount,
  expertCount,
  tokens: 0,
  counts: new Uint32Array(layerCount * expertCount),
});

/** Adds a generated token. */
export function count(usage: Usage, pass: RoutingPass): void {
  usage.tokens += pass.tokenCount;
  forEachPick(pass, (layer, expert) => {
    usage.counts[layer * usage.expertCount + expert]!++;
  });
}

/** Shares of a layer's picks, `[layerCount, expertCount]`; zeros where a layer has none. */
export function shares({ layerCount, expertCount, counts }: Usage): Float32Array {
  const result = new Float32Array(counts.length);
  for (let layer = 0; layer < layerCount; layer++) {
    const row = counts.subarray(layer * expertCount, (layer + 1) * expertCount);
    const sum = row.reduce((total, value) => total + value, 0);
    if (sum === 0) continue;
    for (let expert = 0; expert < expertCount; expert++)
      result[layer * expertCount + expert] = row[expert]! / sum;
  }
  return result;
}

/**
 * The share of routing that two texts have in common: Σ min(p, q) over a layer's experts, averaged over the layers
 * that both used. 1 is the same distribution, 0 is no expert in common; undefined if there is nothing to compare.
 */
export function overlap(a: Usage, b: Usage): number | undefined {
  if (a.layerCount !== b.layerCount || a.expertCount !== b.expertCount) return undefined;
  const [p, q] = [shares(a), shares(b)];
  let layers = 0;
  let total = 0;
  for (let layer = 0; layer < a.layerCount; layer++) {
    const from = layer * a.expertCount;
    const used = (values: Float32Array): boolean =>
      values.subarray(from, from + a.expertCount).some((share) => share > 0);
    if (!used(p) || !used(q)) continue;
    layers++;
    for (let index = from; index < from + a.expertCount; index++) total += Math.min(p[index]!, q[index]!);
  }
  return layers === 0 ? undefined : total / layers;
}

/** A layer's most used experts, most used first; ties go to the lowest id. */
export function mostUsed(usage: Usage, layer: number, most: number): { expert: number; share: number }[] {
  const row = usage.counts.subarray(layer * usage.expertCount, (layer + 1) * usage.expertCount);
  const sum = row.reduce((total, value) => total + value, 0);
  return Array.from(row, (picks, expert) => ({ expert, share: picks / sum, picks }))
    .filter(({ picks }) => picks > 0)
    .sort((a, b) => b.picks - a.picks || a.expert - b.expert)
    .slice(0, most)
    .map(({ expert, share }) => ({ expert, share }));
}

/** One line an expert that was used. */
export function usageCsv(usage: Usage): string {
  const lines = ["layer,expert,picks,share_of_layer"];
  const share = shares(usage);
  usage.counts.forEach((picks, index) => {
    if (picks === 0) return;
    const layer = Math.floor(index / usage.expertCount);
    lines.push(`${layer},${index % usage.expertCount},${picks},${share[index]!.toFixed(6)}`);
  });
  return `${lines.join("\n")}\n`;
}
