import type { PredictionTables, Predictor, SlotTables } from "../wasm/core.ts";
import { PREDICTORS } from "../wasm/core-prediction.ts";
import { ABSENT, type Decisions } from "../wasm/decisions.ts";

/** By what is guessed: one estimate of core.wasm, the layer's own gate on the state one layer before, or the best of late. */
export type GuessBy = Predictor | "gates" | "auto";

/** What is known of a token's pass when a layer's picks are guessed. */
export interface Foresight {
  /** Its picks in the layer before, once they are known. */
  readonly before: Decisions | undefined;
  /** What the layer's gate made of the state one layer before, likeliest first; only where the CPU computes. */
  readonly gates: Decisions | undefined;
}

/** Decides which experts are worth fetching before a layer has asked for them. */
export interface PrefetchPlanner {
  /** Whether a layer's gate is worth asking one layer early: nobody reads the answer otherwise. */
  readonly wantsGates: boolean;
  reset(): void;
  /** What `tokens` picked in a layer; every routed token passes here, before its missing experts get slots. */
  learn(layer: number, tokens: Uint32Array, picks: Decisions, foresight: Foresight): void;
  /** Experts that the token may well pick in the layer, likeliest first; resident ones among them. */
  guess(layer: number, token: number, foresight: Foresight): readonly number[];
}

/**
 * What is guessed with less confidence is not worth its bytes. Low, because a request that turns out to be needed
 * saves its whole latency, and one that does not is forgotten before it is sent (`npm run replay`).
 */
const LEAST_LIKELY = 0.1;

/** A record in vain costs this share of what a record in time is worth: the least useful share that pays (prefetcher.ts). */
const PRICE = 0.15 / 0.85;
/** What a layer's guess counts for after each further one. */
const MEMORY = 0.998;

export interface PlannerOptions {
  readonly prediction: PredictionTables;
  readonly slots: SlotTables;
  readonly guessBy: GuessBy;
  readonly layerCount: number;
  readonly expertCount: number;
  readonly expertsPerToken: number;
  readonly vocabSize: number;
}

export function prefetchPlanner(options: PlannerOptions): PrefetchPlanner {
  const { prediction, slots, guessBy, expertsPerToken } = options;
  const candidates: readonly Exclude<GuessBy, "auto">[] =
    guessBy === "auto" ? ["mixed", "gates", ...PREDICTORS.filter((name) => name !== "mixed")] : [guessBy];
  /** Routing weight that each candidate would have brought in time, less the price of what it would have in vain. */
  let worths = candidates.map(() => 0);

  function listOf(by: Exclude<GuessBy, "auto">, layer: number, token: number, known: Foresight): number[] {
    if (by === "gates") {
      const { ids, weights } = known.gates ?? { ids: [], weights: [] };
      return Array.from(ids).filter((_, rank) => weights[rank]! >= LEAST_LIKELY);
    }
    const likely = prediction.rate(by, layer, token, known.before);
    return Array.from(likely.keys())
      .filter((expert) => likely[expert]! >= LEAST_LIKELY)
      .sort((a, b) => likely[b]! - likely[a]! || a - b)
      .slice(0, 2 * expertsPerToken);
  }

  function score(layer: number, token: number, { ids, weights }: Decisions, known: Foresight): void {
    const mass = weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
    worths = candidates.map((by, i) => {
      let gained = 0;
      for (const expert of listOf(by, layer, token, known)) {
        if (slots.lookup(layer, expert) !== ABSENT) continue;
        const rank = ids.indexOf(expert);
        if (rank < 0) gained -= PRICE;
        else if (mass > 0) gained += (Math.abs(weights[rank]!) / mass) * expertsPerToken;
      }
      return MEMORY * worths[i]! + gained;
    });
  }

  return {
    wantsGates: candidates.includes("gates"),
    reset() {
      prediction.reset(options);
      worths = candidates.map(() => 0);
    },
    learn(layer, tokens, picks, known) {
      if (candidates.length > 1 && tokens.length === 1) score(layer, tokens[0]!, picks, known);
      prediction.learn(layer, tokens, picks.ids, known.before?.ids);
    },
    guess(layer, token, known) {
      // The gates know nothing before their layer comes near; then the best of the others speaks.
      const eligible = candidates
        .map((by, i) => ({ by, worth: worths[i]! }))
        .filter(({ by }) => by !== "gates" || known.gates);
      const best = eligible.reduce(
        (a, b) => (b.worth > a.worth ? b : a),
        eligible[0] ?? { by: "gates", worth: 0 },
      );
      return best.worth < 0 ? [] : listOf(best.by, layer, token, known);
    },
  };
}
