import type { TracePass } from "../../src/residency/trace-format.ts";

/** How many of one layer's demanded experts were found in a slot. */
export interface LayerHits {
  readonly hits: number;
  readonly demands: number;
}

/**
 * Belady's optimum for one layer: of the experts that may go, the one whose next use is farthest away goes, ties to
 * the lowest id. No policy that fetches on demand hits more often.
 *
 * @param demands the distinct experts of each pass, in order; those of a pass that fit together stay together
 */
export function beladyLayer(demands: readonly (readonly number[])[], slots: number): LayerHits {
  const uses = new Map<number, number[]>();
  demands.forEach((experts, pass) => {
    for (const expert of experts) {
      const list = uses.get(expert);
      if (list) list.push(pass);
      else uses.set(expert, [pass]);
    }
  });
  const cursor = new Map<number, number>();
  const nextUse = (expert: number, after: number): number => {
    const list = uses.get(expert)!;
    let at = cursor.get(expert) ?? 0;
    while (at < list.length && list[at]! <= after) at++;
    cursor.set(expert, at);
    return list[at] ?? Number.POSITIVE_INFINITY;
  };
  const held = new Set<number>();
  let hits = 0;
  let total = 0;
  demands.forEach((experts, pass) => {
    const missing = experts.filter((expert) => !held.has(expert));
    hits += experts.length - missing.length;
    total += experts.length;
    for (let start = 0; start < missing.length; start += slots) {
      const wave = missing.slice(start, start + slots);
      const keep = experts.length <= slots ? experts : wave;
      for (const expert of wave) {
        if (held.size === slots) {
          let victim = -1;
          let farthest = -1;
          for (const candidate of held) {
            if (keep.includes(candidate)) continue;
            const next = nextUse(candidate, pass);
            if (next > farthest || (next === farthest && candidate < victim)) {
              victim = candidate;
              farthest = next;
            }
          }
          held.delete(victim);
        }
        held.add(expert);
      }
    }
  });
  return { hits, demands: total };
}

/** Hits over all layers; `counts` [layers] slots. */
export function belady(passes: readonly TracePass[], counts: Uint32Array): LayerHits {
  let hits = 0;
  let demands = 0;
  counts.forEach((slots, layer) => {
    if (slots === 0) return;
    const layerHits = beladyLayer(
      passes.map(({ layers }) => [...new Set(layers[layer]!.ids)].sort((a, b) => a - b)),
      slots,
    );
    hits += layerHits.hits;
    demands += layerHits.demands;
  });
  return { hits, demands };
}
