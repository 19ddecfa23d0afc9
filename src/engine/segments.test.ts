import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { ABSENT, type Backend, type Pass, type ReadRequest } from "../backend/backend.ts";
import type { RecordProvider } from "../experts/parts.ts";
import type { ForwardPlan, Op } from "../model/plan.ts";
import { createResidency } from "../residency/residency.ts";
import { loadCore } from "../wasm/core.testing.ts";
import type { Core } from "../wasm/core.ts";
import { createExecutor, type ExecutorCounters } from "./executor.ts";
import { adaptiveSegments, fixedSegments, type Segments } from "./segments.ts";

const LAYERS = 6;
const EXPERTS = 16;
const PICKS = 2;
const TOKENS = 300;

/** Milliseconds of a device. */
interface Costs {
  readonly roundTrip: number;
  readonly layer: number;
  readonly finish: number;
  readonly fetch: number;
}

const PLAN = {
  hyperparameters: { layerCount: LAYERS, expertCount: EXPERTS, expertsPerToken: PICKS },
  prologue: [{ kind: "embed" }],
  layers: Array.from({ length: LAYERS }, (_, index) => ({
    index,
    moe: {},
    ops: ["route", "experts", "combine"].map((kind) => ({ kind, layer: index })),
  })),
  epilogue: [{ kind: "linear" }],
  logits: 0,
} as unknown as ForwardPlan;

const mix = (a: number, b: number): number => {
  const x = Math.imul(a ^ (b + 0x9e3779b9), 0x85ebca6b);
  return (Math.imul(x ^ (x >>> 13), 0xc2b2ae35) ^ (x >>> 16)) >>> 0;
};

/** Small numbers of experts are liked; nine picks of ten follow from the token, the others from the exact state. */
function picksOf(token: number, layer: number, state: number): number[] {
  const seed = mix(mix(state, layer), 7) % 10 === 0 ? state : token >>> 3;
  const draw = (salt: number): number => {
    const [a, b] = [mix(mix(seed, layer), salt) % EXPERTS, mix(mix(seed, layer), salt + 1) % EXPERTS];
    return Math.min(a, b);
  };
  const first = draw(11);
  const second = draw(23);
  return [first, second === first ? (first + 1) % EXPERTS : second];
}

/**
 * A device whose numbers are hashes of all that a layer read: what lay in the slots of its picks, and its input,
 * which is kept a layer as a plan's replay inputs are. Its clock is the only one there is.
 */
function hashingDevice(costs: Costs) {
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => clock);
  const contents = new Map<string, number>();
  const tables: Uint32Array[] = [];
  const inputs = new Uint32Array(LAYERS + 1);
  const log = { ids: new Uint32Array(LAYERS * PICKS), slots: new Uint32Array(LAYERS * PICKS) };
  let recorded: Op[] = [];
  let [token, position] = [0, 0];
  const execute = (op: Op): void => {
    if (op.kind === "embed") inputs[0] = mix(token, 1);
    else if (op.kind === "linear") clock += costs.finish;
    else if (op.kind === "route")
      picksOf(token, op.layer, inputs[op.layer]!).forEach((expert, rank) => {
        log.ids[op.layer * PICKS + rank] = expert;
        log.slots[op.layer * PICKS + rank] = tables[op.layer]![expert]!;
      });
    else if (op.kind === "combine") {
      clock += costs.layer;
      let state = inputs[op.layer]!;
      for (let rank = 0; rank < PICKS; rank++) {
        const slot = log.slots[op.layer * PICKS + rank]!;
        state = mix(state, slot === ABSENT ? 999 : contents.get(`${op.layer}/${slot}`)!);
      }
      inputs[op.layer + 1] = state;
    }
  };
  const backend = {
    routesOnDevice: true,
    slotBytes: () => 100,
    allocateSlots: async () => undefined,
    writeSlot: (layer: number, slot: number, _matrix: string, rows: { bytes: Uint8Array }) =>
      contents.set(`${layer}/${slot}`, rows.bytes[0]!),
    writeSlotTable(layer: number, table: Uint32Array) {
      tables[layer] = table;
    },
    async beginPass(pass: Pass) {
      token = pass.tokens[0]!;
      position = pass.position;
      recorded = [];
    },
    run: (op: Op) => recorded.push(op),
    canSample: () => true,
    sample: () => undefined,
    async submit(read: ReadRequest) {
      clock += costs.roundTrip;
      for (const op of recorded.splice(0)) execute(op);
      const { from, to } = read.routing ?? { from: 0, to: 0 };
      const [first, last] = [from * PICKS, to * PICKS];
      return {
        routing: {
          ids: log.ids.slice(first, last),
          weights: new Float32Array(last - first).fill(0.5),
          slots: log.slots.slice(first, last),
        },
        ...(read.token && { token: mix(inputs[LAYERS]!, position) % 5000 }),
      };
    },
  } as unknown as Backend;
  let [demands, hints] = [0, 0];
  const provider: RecordProvider = {
    async record(layer, expert, { priority }) {
      if (priority === "demand") {
        if (demands++ === 0) clock += costs.fetch;
        queueMicrotask(() => (demands = 0));
      } else hints++;
      const rows = { rowStart: 0, rowCount: 1, bytes: Uint8Array.of(expert + 1) };
      return { layer, expert, parts: [{ matrix: "gate", rows }], byteLength: 1 };
    },
  };
  return { backend, provider, elapsed: () => clock, hints: () => hints };
}

let core: Core;
beforeAll(async () => {
  core = await loadCore();
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function decode(slots: number, costs: Costs, segments: Segments) {
  const device = hashingDevice(costs);
  const residency = await createResidency({
    core,
    backend: device.backend,
    provider: device.provider,
    layerCount: LAYERS,
    expertCount: EXPERTS,
    expertsPerToken: PICKS,
    policy: "lru",
    shares: "even",
    budget: slots * LAYERS * 100,
  });
  const executor = createExecutor({
    plan: PLAN,
    backend: device.backend,
    core,
    residency,
    segments,
    listeners: [],
  });
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
