import type { EvictionPolicy } from "../../src/api/options.ts";
import type { TraceHeader, TracePass } from "../../src/residency/trace-format.ts";
import type { SlotTables } from "../../src/wasm/core.ts";
import { ABSENT } from "../../src/wasm/decisions.ts";

/** What records come over: one after the other, each request's first byte after `latency`. */
export interface Link {
  /** Bytes per second. */
  readonly bandwidth: number;
  /** Seconds. */
  readonly latency: number;
}

export interface Replay {
  readonly header: TraceHeader;
  readonly passes: readonly TracePass[];
  /** The production tables of core.wasm. */
  readonly slots: SlotTables;
  /** Slots by layer. */
  readonly counts: Uint32Array;
  readonly policy: EvictionPolicy;
  readonly link: Link;
}

export interface ReplayResult {
  /** As the engine counts them: distinct experts of a pass. */
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  /** Share of the routing weight that fell on experts in slots. */
  readonly gateMassRecall: number;
  readonly fetchedBytes: number;
  /** Seconds a token waits for records. */
  readonly stallSeconds: number;
  readonly tokens: number;
}

/** Prompt chunks as if each token had been generated: how a cache behaves in decode, over any text. */
export function tokenByToken(passes: readonly TracePass[], expertsPerToken: number): TracePass[] {
  return passes.flatMap(({ position, tokens, layers }) =>
    Array.from(tokens, (_, row): TracePass => {
      const [from, to] = [row * expertsPerToken, (row + 1) * expertsPerToken];
      return {
        phase: "decode",
        position: position + row,
        tokens: tokens.subarray(row, row + 1),
        layers: layers.map(
          (decisions) =>
            decisions && {
              ids: decisions.ids.subarray(from, to),
              weights: decisions.weights.subarray(from, to),
            },
        ),
      };
    }),
  );
}

/** Runs the engine's demand over a trace: what hits, what goes, and how long a token waits. */
export function replay({ header, passes, slots, counts, policy, link }: Replay): ReplayResult {
  const { expertCount, expertsPerToken, recordBytes } = header;
  slots.reset(counts, expertCount, policy);
  let [hits, misses, evictions, mass, hitMass, fetchedBytes, stallSeconds, tokens] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const pass of passes) {
    tokens += pass.tokens.length;
    pass.layers.forEach((decisions, layer) => {
      if (!decisions) return;
      const { ids, weights } = decisions;
      const demanded = [...new Set(ids)].sort((a, b) => a - b);
      const missing = demanded.filter((expert) => slots.lookup(layer, expert) === ABSENT);
      hits += demanded.length - missing.length;
      misses += missing.length;
      ids.forEach((expert, i) => {
        mass += Math.abs(weights[i]!);
        if (!missing.includes(expert)) hitMass += Math.abs(weights[i]!);
      });
      slots.observe(layer, decisions, expertsPerToken);
      evictions += placeAll(slots, layer, demanded, missing, counts[layer]!);
      if (missing.length === 0) return;
      const bytes = missing.length * recordBytes[layer]!;
      fetchedBytes += bytes;
      stallSeconds += link.latency + bytes / link.bandwidth;
    });
  }
  const gateMassRecall = mass > 0 ? hitMass / mass : 1;
  return {
    hits,
    misses,
    evictions,
    gateMassRecall,
    fetchedBytes,
    stallSeconds: stallSeconds / tokens,
    tokens,
  };
}

/** As `Residency.waves`: a pass whose experts all fit keeps them together. Returns how many lost their slot. */
function placeAll(
  slots: SlotTables,
  layer: number,
  demanded: readonly number[],
  missing: readonly number[],
  room: number,
): number {
  let evictions = 0;
  for (let start = 0; start < missing.length; start += room) {
    const wave = missing.slice(start, start + room);
    const keep = Uint32Array.from(demanded.length <= room ? demanded : wave);
    for (const expert of wave) if (slots.place(layer, expert, keep)!.evicted !== ABSENT) evictions++;
  }
  return evictions;
}
