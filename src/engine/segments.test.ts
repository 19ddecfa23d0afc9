import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { loadCore } from "../wasm/core.testing.ts";
import type { Core } from "../wasm/core.ts";
import type { ExecutorCounters } from "./executor.ts";
import { type Costs, EXPERTS, executorOn, hashingDevice, LAYERS, PICKS } from "./hashing-device.testing.ts";
import { adaptiveSegments, fixedSegments, type Segments } from "./segments.ts";

const TOKENS = 300;

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function decode(slots: number, costs: Costs, segments: Segments) {
  const device = hashingDevice(costs);
  const { executor } = await executorOn(device, core, slots, segments);
  const tokens = [1];
  for (let position = 0; position < TOKENS; position++) {
    const finish = { kind: "token", params: { penalized: new Uint32Array(0) } } as never;
    tokens.push((await executor.decode(tokens.at(-1)!, position, finish)).token);
  }
  const counters: ExecutorCounters = executor.counters;
  return { tokens, counters, hints: device.hints(), milliseconds: device.elapsed() };
}

const adaptive = (): Segments => adaptiveSegments(LAYERS, () => true);
const FIXED = [1, 2, 3, 4, 5, 6];

test("no cut of a pass changes a token, and a segment's guesses are asked for with its demand", async () => {
  const costs = { roundTrip: 1, layer: 1, finish: 1, fetch: 1 };
  const resident = await decode(EXPERTS, costs, fixedSegments(LAYERS, LAYERS));
  expect(new Set(resident.tokens).size).toBeGreaterThan(TOKENS / 2);
  for (const slots of [PICKS, 4, 8])
    for (const segments of [...FIXED.map((count) => fixedSegments(LAYERS, count)), adaptive()]) {
      const run = await decode(slots, costs, segments);
      expect(run.tokens).toEqual(resident.tokens);
      expect(run.counters.decodedTokens).toBe(TOKENS);
    }
  const whole = await decode(4, costs, fixedSegments(LAYERS, LAYERS));
  expect(whole.counters.replays).toBeGreaterThan(0);
  expect(whole.hints).toBeGreaterThan(0);
  expect((await decode(4, costs, fixedSegments(LAYERS, 1))).hints).toBe(0);
});

test.each([
  ["a GPU: round trips are dear", { roundTrip: 2, layer: 0.1, finish: 0.2, fetch: 0.5 }],
  ["a software renderer: layers are dear", { roundTrip: 1, layer: 25, finish: 40, fetch: 0.5 }],
  ["both cost the same", { roundTrip: 1, layer: 1, finish: 1, fetch: 0 }],
  ["a network: missing experts are dear", { roundTrip: 0.5, layer: 0.5, finish: 0.5, fetch: 20 }],
])(
  "at every budget adaptive segments decode at 0.9 of the speed of the best fixed ones or more: %s",
  async (_, costs) => {
    for (const slots of [PICKS, 4, 8, EXPERTS]) {
      const fixed: number[] = [];
      for (const count of FIXED) {
        const run = await decode(slots, costs, fixedSegments(LAYERS, count));
        fixed.push(run.milliseconds);
      }
      const { milliseconds } = await decode(slots, costs, adaptive());
      expect(Math.min(...fixed) / milliseconds).toBeGreaterThan(0.9);
    }
  },
);

test("every cut moves on and ends behind the finish, however many layers there are", () => {
  for (const layers of [1, 2, 5, 61, 128, 129, 1024]) {
    const segments = adaptiveSegments(layers, (layer) => layer > 0);
    for (let token = 0; token < 4; token++) {
      segments.beginToken();
      for (let from = 0; from <= layers; ) {
        const end = segments.end(from, false);
        expect(end).toBeGreaterThan(from);
        expect(end).toBeLessThanOrEqual(layers + 1);
        const missed = Array.from({ length: Math.min(end, layers) - from }, () => false);
        segments.ran(from, end, missed, 1 + end - from);
        from = end;
      }
    }
  }
});
