import { vi } from "vitest";
import { ABSENT, type Backend, type Pass, type ReadRequest } from "../backend/backend.ts";
import type { RecordProvider } from "../experts/parts.ts";
import type { ForwardPlan, Op } from "../model/plan.ts";
import { createResidency } from "../residency/residency.ts";
import type { RoutingListener } from "../residency/routing-listener.ts";
import type { Core } from "../wasm/core.ts";
import { createExecutor } from "./executor.ts";
import type { Segments } from "./segments.ts";

export const LAYERS = 6;
export const EXPERTS = 16;
export const PICKS = 2;

/** Milliseconds of a device. */
export interface Costs {
  readonly roundTrip: number;
  readonly layer: number;
  readonly finish: number;
  readonly fetch: number;
}

export const PLAN = {
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
export function hashingDevice(costs: Costs) {
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => clock);
  const contents = new Map<string, number>();
  const tables: Uint32Array[] = [];
  const inputs = new Uint32Array(LAYERS + 1);
  const log = { ids: new Uint32Array(LAYERS * PICKS), slots: new Uint32Array(LAYERS * PICKS) };
  let recorded: Op[] = [];
  let [token, position, sampled] = [0, 0, 0];
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
      token = pass.tokens === "sampled" ? sampled : pass.tokens[0]!;
      position = pass.position;
      recorded = [];
    },
    run: (op: Op) => recorded.push(op),
    canSample: () => true,
    sample: () => undefined,
    async submit(read: ReadRequest) {
      clock += costs.roundTrip;
      for (const op of recorded.splice(0)) execute(op);
      if (read.token) sampled = mix(inputs[LAYERS]!, position) % 5000;
      const { from, to } = read.routing ?? { from: 0, to: 0 };
      const [first, last] = [from * PICKS, to * PICKS];
      return {
        routing: {
          ids: log.ids.slice(first, last),
          weights: new Float32Array(last - first).fill(0.5),
          slots: log.slots.slice(first, last),
        },
        ...(read.token && { token: sampled }),
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

/** An executor on such a device, with that many slots a layer. */
export async function executorOn(
  { backend, provider }: Pick<ReturnType<typeof hashingDevice>, "backend" | "provider">,
  core: Core,
  slots: number,
  segments: Segments,
  listeners: readonly RoutingListener[] = [],
) {
  const residency = await createResidency({
    core,
    backend,
    provider,
    layerCount: LAYERS,
    expertCount: EXPERTS,
    expertsPerToken: PICKS,
    policy: "lru",
    shares: "even",
    budget: slots * LAYERS * 100,
  });
  const executor = createExecutor({ plan: PLAN, backend, core, residency, segments, listeners });
  return { executor, residency };
}
