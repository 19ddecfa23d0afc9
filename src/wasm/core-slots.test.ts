import { beforeAll, expect, test } from "vitest";
import type { EvictionPolicy } from "../api/options.ts";
import { integers, loadCore } from "./core.testing.ts";
import type { Core } from "./core.ts";
import { EVICTION_POLICIES } from "./core-slots.ts";
import { ABSENT } from "./decisions.ts";

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});

/** One layer's policy in plain words: told the picks of each token, it rates experts; the lowest goes. */
interface Reference {
  observe(picks: readonly number[], weights: readonly number[], token: number): void;
  score(expert: number): number;
}

const REFERENCES: Readonly<Record<EvictionPolicy, (experts: number) => Reference>> = {
  lru(experts) {
    const used = new Array<number>(experts).fill(0);
    let clock = 0;
    return {
      observe(picks) {
        for (const expert of [...picks].reverse()) used[expert] = ++clock;
      },
      score: (expert) => used[expert]!,
    };
  },
  lfu(experts) {
    const uses = new Array<number>(experts).fill(0);
    return {
      observe(picks) {
        for (let expert = 0; expert < experts; expert++)
          uses[expert] = uses[expert]! * 0.97 + Number(picks.includes(expert));
      },
      score: (expert) => uses[expert]!,
    };
  },
  "lru-2"(experts) {
    const uses = Array.from({ length: experts }, () => [] as number[]);
    let clock = 0;
    return {
      observe(picks) {
        for (const expert of [...picks].reverse()) uses[expert]!.push(++clock);
      },
      // Never used goes before used once, and that before all others.
      score: (expert) => {
        const [before, last] = [uses[expert]!.at(-2), uses[expert]!.at(-1)];
        return before === undefined ? (last ?? 0) : before + 1e9;
      },
    };
  },
  adaptive(experts) {
    const zeros = (): number[] => new Array<number>(experts).fill(0);
    const [recent, context, trail, heard] = [zeros(), zeros(), zeros(), zeros()];
    const usual = zeros();
    const follows = Array.from({ length: experts }, () => new Float32Array(experts));
    let last: readonly number[] = [];
    const next = new Map<number, number[]>();
    const nextOf = (token: number): number[] => next.get(token) ?? [...zeros(), 0];
    let before: number | undefined;
    return {
      observe(picks, weights, token) {
        if (before !== undefined) {
          const row = nextOf(before);
          if (row[experts] === 255) for (let i = 0; i <= experts; i++) row[i] = Math.floor(row[i]! / 2);
          for (const at of [...picks, experts]) row[at]! += 1;
          next.set(before, row);
        }
        before = token;
        for (let a = 0; a < experts; a++) {
          if (trail[a]! <= 0.001) continue;
          for (const b of picks) follows[a]![b] = follows[a]![b]! + trail[a]!;
          heard[a]! += trail[a]!;
        }
        for (const a of last) {
          follows[a] = follows[a]!.map((value) => value * 0.993);
          heard[a]! *= 0.993;
        }
        if (last.length === 0) usual.fill(picks.length / experts);
        const mass = weights.reduce((sum, weight) => sum + weight, 0);
        for (let b = 0; b < experts; b++) {
          const rank = picks.indexOf(b);
          const picked = (share: number): number => (rank < 0 ? 0 : share);
          recent[b] = recent[b]! * 0.95 + picked(1 - 0.95);
          usual[b] = usual[b]! * 0.999 + picked(1 - 0.999);
          context[b] = context[b]! * 0.4 + picked(((1 - 0.4) * weights[rank]!) / mass);
          trail[b] = trail[b]! * 0.45 + picked(1);
        }
        last = [...picks];
      },
      score(b) {
        let score = recent[b]! + 1.4 * usual[b]!;
        const row = before === undefined ? undefined : nextOf(before);
        if (row) score += 0.8 * ((row[b]! + 2 * usual[b]!) / (row[experts]! + 2) - usual[b]!);
        for (let a = 0; a < experts; a++) {
          if (context[a]! <= 0.001) continue;
          const likely = (follows[a]![b]! + 2 * usual[b]!) / (heard[a]! + 2);
          score += 3 * context[a]! * (likely - usual[b]!);
        }
        return score;
      },
    };
  },
};

const decisions = (tokens: readonly number[][], weights: readonly number[][]) => ({
  ids: Uint32Array.from(tokens.flat()),
  weights: Float32Array.from(weights.flat()),
});

test.each(EVICTION_POLICIES)("%s gives slots as its plain description does over random events", (policy) => {
  const next = integers(11);
  const counts = [1, 3, 8, 0, 15];
  const experts = 16;
  const k = 3;
  core.slots.reset(Uint32Array.from(counts), experts, policy);
  const layers = counts.map((count) => ({
    count,
    held: new Map<number, number>(),
    rating: REFERENCES[policy](experts),
  }));
  let evictions = 0;
  for (let step = 0; step < 6000; step++) {
    const layer = next(counts.length);
    const expert = next(experts);
    const { held, count, rating } = layers[layer]!;
    const action = next(10);
    if (action < 5 && !held.has(expert)) {
      const keep = Array.from({ length: next(4) }, () => next(experts));
      const placed = core.slots.place(layer, expert, Uint32Array.from(keep));
      const victim = [...held.keys()]
        .filter((id) => !keep.includes(id))
        .sort((a, b) => rating.score(a) - rating.score(b) || a - b)[0];
      if (held.size === count && victim === undefined) {
        expect(placed).toBeUndefined();
        continue;
      }
      if (held.size < count) {
        expect(placed!.evicted).toBe(ABSENT);
        expect([...held.values()]).not.toContain(placed!.slot);
      } else {
        evictions++;
        expect(placed).toEqual({ evicted: victim, slot: held.get(victim!) });
        held.delete(victim!);
      }
      held.set(expert, placed!.slot);
    } else if (action < 9) {
      const tokens = Array.from({ length: 1 + next(3) }, () => {
        // Skewed, so that experts are told apart.
        const picks = new Set<number>();
        while (picks.size < k) picks.add(Math.min(next(experts), next(experts)));
        return [...picks];
      });
      const weights = tokens.map(() => [1 + next(8), 1 + next(4), next(2)].map((weight) => weight / 8));
      // Few, so that the counts behind them are halved.
      const ids = tokens.map(() => next(3));
      core.slots.observe(layer, Uint32Array.from(ids), decisions(tokens, weights), k);
      tokens.forEach((picks, row) => {
        rating.observe(picks, weights[row]!, ids[row]!);
      });
    } else {
      core.slots.evict(layer, expert);
      held.delete(expert);
    }
    expect(core.slots.lookup(layer, expert)).toBe(held.get(expert) ?? ABSENT);
    if (step % 50 === 0)
      expect([...core.slots.table(layer)]).toEqual(
        Array.from({ length: experts }, (_, id) => held.get(id) ?? ABSENT),
      );
  }
  expect(evictions).toBeGreaterThan(500);
});

const NONE = new Uint32Array(0);
const TOKEN = new Uint32Array(1);

test("every layer's demand can be read, whatever the shape and the policy", () => {
  for (const policy of EVICTION_POLICIES)
    for (const [layers, experts] of [
      [1, 3],
      [27, 64],
      [94, 128],
    ] as const) {
      core.slots.reset(new Uint32Array(layers).fill(2), experts, policy);
      expect(core.slots.demand(layers - 1)).toEqual(new Float64Array(experts));
    }
});

test("demand counts generated picks by how their layer rated them, older ones less, and outlives other slots", () => {
  core.slots.reset(Uint32Array.from([2, 4]), 4, "lru");
  const observe = (...tokens: number[][]): void =>
    core.slots.observe(
      0,
      new Uint32Array(tokens.length),
      decisions(
        tokens,
        tokens.map(() => [1]),
      ),
      1,
    );
  for (const expert of [3, 0, 2]) observe([expert]);
  const before = core.slots.demand(0);
  // Used last first: 2, 0, 3, and 1 never.
  observe([0]);
  observe([1]);
  const after = core.slots.demand(0).map((value, rank) => value - before[rank]! * 0.9995 ** 2);
  expect(Array.from(after, (value) => Math.abs(Math.round(value * 1e6)) / 1e6)).toEqual([0, 0.9995, 0, 1]);
  // A prompt's rows come together and say nothing of single tokens.
  observe([3], [3]);
  core.slots.resize(Uint32Array.from([4, 1]));
  expect(core.slots.demand(0)[1]).toBeGreaterThan(0.9);
  expect(core.slots.demand(1)).toEqual(new Float64Array(4));
  core.slots.reset(Uint32Array.from([4, 4]), 4, "lru");
  observe([0]);
  expect(core.slots.demand(0)).toEqual(new Float64Array(4));
});

test("equal scores go by the lowest id, and an expert that is placed again keeps its slot", () => {
  for (const policy of EVICTION_POLICIES) {
    core.slots.reset(Uint32Array.from([2]), 4, policy);
    core.slots.place(0, 3, NONE);
    const first = core.slots.place(0, 1, NONE);
    expect(core.slots.place(0, 1, NONE)).toEqual({ slot: first!.slot, evicted: ABSENT });
    expect(core.slots.place(0, 2, NONE)).toEqual({ slot: first!.slot, evicted: 1 });
  }
});

test("a table outlives other calls, and a reset empties it at another size", () => {
  core.slots.reset(Uint32Array.from([2, 2]), 4, "lru");
  core.slots.place(1, 2, NONE);
  core.checksum(new Uint8Array(5_000_000).fill(255));
  expect([...core.slots.table(1)].filter((slot) => slot !== ABSENT)).toHaveLength(1);
  core.slots.reset(Uint32Array.from([5, 5, 5]), 64, "adaptive");
  expect([...core.slots.table(1)]).toEqual(new Array(64).fill(ABSENT));
});

test("a model too wide for pairs of experts is rated by recent use alone", () => {
  core.slots.reset(
    Uint32Array.from({ length: 64 }, () => 2),
    512,
    "adaptive",
  );
  core.slots.observe(63, Uint32Array.of(7, 8), decisions([[510], [511]], [[1], [1]]), 1);
  core.slots.place(63, 510, NONE);
  core.slots.place(63, 511, NONE);
  expect(core.slots.place(63, 0, NONE)).toMatchObject({ evicted: 510 });
});

test("layers, experts and picks outside the tables are refused", () => {
  core.slots.reset(Uint32Array.from([2]), 4, "lru");
  const refused = expect.objectContaining({ code: "invalid-argument" });
  expect(() => core.slots.lookup(1, 0)).toThrow(refused);
  expect(() => core.slots.place(0, 4, NONE)).toThrow(refused);
  expect(() => core.slots.table(1)).toThrow(refused);
  expect(() => core.slots.observe(1, TOKEN, decisions([[0]], [[1]]), 1)).toThrow(refused);
  expect(() => core.slots.observe(0, TOKEN, decisions([[0, 4]], [[1, 1]]), 2)).toThrow(refused);
  expect(() => core.slots.observe(0, TOKEN, decisions([[0, 1, 2]], [[1, 1, 1]]), 2)).toThrow(refused);
  expect(() => core.slots.observe(0, TOKEN, decisions([[0, 1]], [[1]]), 2)).toThrow(refused);
  expect(() => core.slots.observe(0, TOKEN, decisions([[0, 1, 2, 3, 0]], [[1, 1, 1, 1, 1]]), 5)).toThrow(
    refused,
  );
});
