import { expect, test } from "vitest";
import type { PredictionTables, Predictor, SlotTables } from "../wasm/core.ts";
import { ABSENT, type Decisions } from "../wasm/decisions.ts";
import { type GuessBy, prefetchPlanner } from "./prefetch-planner.ts";

const EXPERTS = 8;
const NOTHING = { before: undefined, gates: undefined };
const token = Uint32Array.of(1);

const decisions = (...ids: number[]): Decisions => ({
  ids: Uint32Array.from(ids),
  weights: Float32Array.from(ids, (_, rank) => 0.6 - 0.3 * rank),
});

/** A planner for one layer, whose estimates are sure of what `sure` says, and where expert 0 has a slot. */
function plannerOf(guessBy: GuessBy, sure: Partial<Record<Predictor, readonly number[]>>) {
  const prediction: PredictionTables = {
    reset: () => undefined,
    learn: () => undefined,
    rate: (predictor) => {
      const rating = new Float64Array(EXPERTS);
      for (const [rank, expert] of (sure[predictor] ?? []).entries()) rating[expert] = 0.9 - 0.1 * rank;
      return rating;
    },
  };
  const slots = {
    lookup: (_: number, expert: number) => (expert === 0 ? 5 : ABSENT),
  } as unknown as SlotTables;
  return prefetchPlanner({
    ...{ prediction, slots, guessBy },
    ...{ layerCount: 1, expertCount: EXPERTS, expertsPerToken: 2, vocabSize: 10 },
  });
}

test("the estimate that has named missing experts best of late speaks, likeliest first", () => {
  const sure = { mixed: [3, 4], token: [1, 2], recent: [1, 5, 6, 7] };
  const planner = plannerOf("auto", sure);
  expect(planner.guess(0, 1, NOTHING)).toEqual([3, 4]);
  for (let i = 0; i < 5; i++) planner.learn(0, token, decisions(1, 2), NOTHING);
  expect(planner.guess(0, 1, NOTHING)).toEqual([1, 2]);
  for (let i = 0; i < 400; i++) planner.learn(0, token, decisions(4, 3), NOTHING);
  expect(planner.guess(0, 1, NOTHING)).toEqual([3, 4]);
  planner.reset();
  planner.learn(0, token, decisions(1, 2), NOTHING);
  expect(planner.guess(0, 1, NOTHING)).toEqual([1, 2]);
});

test("nobody speaks where nobody's guesses pay, and experts that have slots neither pay nor cost", () => {
  const names = ["usual", "recent", "token", "layer", "mixed"] as const;
  const all = (experts: readonly number[]) => Object.fromEntries(names.map((name) => [name, experts]));
  const wrong = plannerOf("auto", all([3, 4]));
  for (let i = 0; i < 3; i++) wrong.learn(0, token, decisions(1, 2), NOTHING);
  expect(wrong.guess(0, 1, { ...NOTHING, gates: decisions() })).toEqual([]);
  const resident = plannerOf("auto", all([0]));
  for (let i = 0; i < 3; i++) resident.learn(0, token, decisions(1, 2), NOTHING);
  expect(resident.guess(0, 1, NOTHING)).toEqual([0]);
});

test("gates speak once they are known, where they are best or alone, and what they doubt is left out", () => {
  const gates = { ids: Uint32Array.of(6, 7, 5), weights: Float32Array.of(0.7, 0.2, 0.05) };
  const alone = plannerOf("gates", {});
  expect(alone.guess(0, 1, NOTHING)).toEqual([]);
  expect(alone.guess(0, 1, { ...NOTHING, gates })).toEqual([6, 7]);
  const auto = plannerOf("auto", { mixed: [6, 3] });
  for (let i = 0; i < 5; i++) auto.learn(0, token, decisions(6, 7), { ...NOTHING, gates });
  expect(auto.guess(0, 1, NOTHING)).toEqual([6, 3]);
  expect(auto.guess(0, 1, { ...NOTHING, gates })).toEqual([6, 7]);
});

test("gates are asked for only where they may speak", () => {
  expect(plannerOf("auto", {}).wantsGates).toBe(true);
  expect(plannerOf("gates", {}).wantsGates).toBe(true);
  expect(plannerOf("mixed", {}).wantsGates).toBe(false);
});
