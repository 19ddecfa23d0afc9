import type { PredictionTables, Predictor } from "../wasm/core.ts";
import type { Decisions } from "../wasm/decisions.ts";

/** Decides which experts are worth fetching before a layer has asked for them. */
export interface PrefetchPlanner {
  reset(): void;
  /** What `tokens` picked in a layer, and in the layer before; every routed token passes here. */
  learn(layer: number, tokens: Uint32Array, picks: Decisions, before: Decisions | undefined): void;
  /** Experts that the token may well pick in the layer, likeliest first; resident ones among them. */
  guess(layer: number, token: number, before: Decisions | undefined): readonly number[];
}

/**
 * What is guessed with less confidence is not worth its bytes. Low, because a request that turns out to be needed
 * saves its whole latency, and one that does not is forgotten before it is sent (`npm run replay`).
 */
const LEAST_LIKELY = 0.1;

export interface PlannerOptions {
  readonly prediction: PredictionTables;
  readonly predictor: Predictor;
  readonly layerCount: number;
  readonly expertCount: number;
  readonly expertsPerToken: number;
  readonly vocabSize: number;
}

export function prefetchPlanner(options: PlannerOptions): PrefetchPlanner {
  const { prediction, predictor, expertsPerToken } = options;
  return {
    reset: () => prediction.reset(options),
    learn: (layer, tokens, picks, before) => prediction.learn(layer, tokens, picks.ids, before?.ids),
    guess(layer, token, before) {
      const likely = prediction.rate(predictor, layer, token, before);
      return Array.from(likely.keys())
        .filter((expert) => likely[expert]! >= LEAST_LIKELY)
        .sort((a, b) => likely[b]! - likely[a]! || a - b)
        .slice(0, 2 * expertsPerToken);
    },
  };
}
