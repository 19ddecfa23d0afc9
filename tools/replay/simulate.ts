import type { EvictionPolicy } from "../../src/api/options.ts";
import type { PrefetchPlanner } from "../../src/residency/prefetch-planner.ts";
import { betterCounts } from "../../src/residency/slot-shares.ts";
import type { TraceHeader, TracePass } from "../../src/residency/trace-format.ts";
import type { SlotTables } from "../../src/wasm/core.ts";
import { ABSENT, type Decisions } from "../../src/wasm/decisions.ts";
import { type Link, linkQueue } from "./link.ts";

export interface Replay {
  readonly header: TraceHeader;
  readonly passes: readonly TracePass[];
  /** The production tables of core.wasm. */
  readonly slots: SlotTables;
  /** Slots by layer, at first. */
  readonly counts: Uint32Array;
  /** Bytes that slots may be shared out anew within, between texts; without it `counts` stay. */
  readonly sharedBudget?: number;
  readonly policy: EvictionPolicy;
  readonly link: Link;
  /** Guesses what generated tokens will need; without it, experts come on demand only. */
  readonly planner?: PrefetchPlanner;
}

export interface ReplayResult {
  /** As the engine counts them: distinct experts of a pass. */
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  /** Slots by layer, in the end. */
  readonly counts: Uint32Array;
  /** Share of the routing weight that fell on experts in slots. */
  readonly gateMassRecall: number;
  readonly fetchedBytes: number;
  /** Of these, what was fetched ahead, and what of that was evicted before any token used it. */
  readonly prefetchedBytes: number;
  readonly wastedBytes: number;
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

/**
 * Runs the engine's demand over a trace: what hits, what goes, and how long a token waits. Computing takes no time
 * here, so that every second of the link that nobody used well is a second of waiting.
 */
export function replay({ header, passes, slots, policy, link, planner, ...options }: Replay): ReplayResult {
  const { expertCount, expertsPerToken, recordBytes } = header;
  let { counts } = options;
  slots.reset(counts, expertCount, policy);
  planner?.reset();
  const queue = linkQueue(link);
  const keyOf = (layer: number, expert: number): number => layer * expertCount + expert;
  /** Fetched ahead, in a slot, and not used yet. */
  const unproven = new Set<number>();
  let [hits, misses, evictions, mass, hitMass, stallSeconds, tokens] = [0, 0, 0, 0, 0, 0, 0];
  let [prefetchedBytes, wastedBytes] = [0, 0];

  const evicted = (layer: number, expert: number): void => {
    if (expert === ABSENT) return;
    evictions++;
    if (unproven.delete(keyOf(layer, expert))) wastedBytes += recordBytes[layer]!;
  };
  /** Puts what came early into the slots of a layer that is about to run. */
  const admit = (layer: number, wanted: readonly number[]): void => {
    const keep = Uint32Array.from(wanted);
    for (const expert of wanted) {
      if (slots.lookup(layer, expert) !== ABSENT || !queue.take(keyOf(layer, expert))) continue;
      prefetchedBytes += recordBytes[layer]!;
      const placed = slots.place(layer, expert, keep);
      if (!placed) {
        wastedBytes += recordBytes[layer]!;
        continue;
      }
      evicted(layer, placed.evicted);
      unproven.add(keyOf(layer, expert));
    }
  };

  /** As the engine does before a prompt. */
  const share = (budget: number): void => {
    const sizes = { slotBytes: recordBytes, expertCount, expertsPerToken, budget };
    const better = betterCounts(slots, counts, sizes);
    if (!better) return;
    counts = better;
    slots.resize(counts);
    for (const key of unproven) wastedBytes += recordBytes[Math.floor(key / expertCount)]!;
    unproven.clear();
  };
  let previous: TracePass | undefined;

  for (const pass of passes) {
    if (options.sharedBudget !== undefined && previous && beginsText(pass, previous))
      share(options.sharedBudget);
    previous = pass;
    tokens += pass.tokens.length;
    const guessing = pass.phase === "decode" ? planner : undefined;
    const token = pass.tokens[0]!;
    const wanted = new Map<number, readonly number[]>();
    const ask = (layer: number, before: Decisions | undefined): void => {
      const guess = guessing!.guess(layer, token, { before, gates: undefined }).slice(0, counts[layer]!);
      wanted.set(layer, guess);
      for (const expert of guess)
        if (slots.lookup(layer, expert) === ABSENT) queue.prefetch(keyOf(layer, expert), recordBytes[layer]!);
    };
    if (guessing)
      pass.layers.forEach((decisions, layer) => {
        if (decisions) ask(layer, undefined);
      });
    let before: Decisions | undefined;
    pass.layers.forEach((decisions, layer) => {
      if (!decisions) {
        before = undefined;
        return;
      }
      const { ids, weights } = decisions;
      const demanded = [...new Set(ids)].sort((a, b) => a - b);
      if (guessing) admit(layer, wanted.get(layer)!);
      const missing = demanded.filter((expert) => slots.lookup(layer, expert) === ABSENT);
      hits += demanded.length - missing.length;
      misses += missing.length;
      ids.forEach((expert, i) => {
        mass += Math.abs(weights[i]!);
        if (!missing.includes(expert)) hitMass += Math.abs(weights[i]!);
      });
      slots.observe(layer, pass.tokens, decisions, expertsPerToken);
      planner?.learn(layer, pass.tokens, decisions, { before, gates: undefined });
      if (guessing && pass.layers[layer + 1]) ask(layer + 1, decisions);
      // A guess that did not come true is not worth its bytes any more.
      const layerOf = (key: number): number => Math.floor(key / expertCount);
      queue.cancel((key) =>
        layerOf(key) === layer
          ? missing.includes(key % expertCount)
          : layerOf(key) > layer && wanted.get(layerOf(key))!.includes(key % expertCount),
      );
      stallSeconds += queue.demand(
        missing.map((expert) => keyOf(layer, expert)),
        recordBytes[layer]!,
      );
      for (const expert of placeAll(slots, layer, demanded, missing, counts[layer]!)) evicted(layer, expert);
      for (const expert of demanded) unproven.delete(keyOf(layer, expert));
      const stale = queue.drop((key) => layerOf(key) <= layer);
      wastedBytes += stale * recordBytes[layer]!;
      prefetchedBytes += stale * recordBytes[layer]!;
      before = decisions;
    });
  }
  const gateMassRecall = mass > 0 ? hitMass / mass : 1;
  const fetchedBytes = queue.sentBytes;
  return {
    ...{
      hits,
      misses,
      evictions,
      counts,
      gateMassRecall,
      fetchedBytes,
      prefetchedBytes,
      wastedBytes,
      tokens,
    },
    stallSeconds: stallSeconds / tokens,
  };
}

/** A prompt begins where the pass before it did not end, or after a generated token. */
const beginsText = (pass: TracePass, previous: TracePass): boolean =>
  pass.position !== previous.position + previous.tokens.length ||
  (pass.phase === "prefill" && previous.phase === "decode");

/** As `Residency.waves`: a pass whose experts all fit keeps them together. Returns who lost their slots. */
function placeAll(
  slots: SlotTables,
  layer: number,
  demanded: readonly number[],
  missing: readonly number[],
  room: number,
): number[] {
  const lost: number[] = [];
  for (let start = 0; start < missing.length; start += room) {
    const wave = missing.slice(start, start + room);
    const keep = Uint32Array.from(demanded.length <= room ? demanded : wave);
    for (const expert of wave) lost.push(slots.place(layer, expert, keep)!.evicted);
  }
  return lost;
}
