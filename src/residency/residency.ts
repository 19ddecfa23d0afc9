import type { EvictionPolicy } from "../api/options.ts";
import { ABSENT, type Backend, type Decisions, type Wave } from "../backend/backend.ts";
import type { ExpertRecord, RecordProvider } from "../experts/parts.ts";
import type { Core, DispatchPlan } from "../wasm/core.ts";
import { slotCounts } from "./slot-budget.ts";

/**
 * Joins experts (bytes in) to the backend (slots). One pass runs at a time and every call here is awaited by it,
 * so a slot is never rewritten under an expert that is still computing.
 */
export interface Residency {
  readonly counts: Uint32Array;
  readonly counters: ResidencyCounters;
  /** Slots of the layer; 0 if it is dense. */
  slotsOf(layer: number): number;
  /**
   * Brings a layer's demanded experts, at most as many as it has slots, onto the device. `predicted` experts of
   * other layers are asked for in the same batch; those that have arrived when the demand has are placed too,
   * the others end in the host tier. Predictions never fail a pass.
   */
  acquire(
    layer: number,
    experts: Uint32Array,
    predicted: readonly Prediction[],
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * The plan's experts in waves that fit the layer's slots: present experts first, while the missing ones are
   * fetched. A wave is valid until the next one is asked for.
   */
  waves(layer: number, plan: DispatchPlan, signal?: AbortSignal): AsyncGenerator<Wave, void, void>;
  /**
   * Counts the distinct experts that a pass demands of a layer as hits and misses, and tells the eviction policy of
   * its tokens' picks, [rows, expertsPerToken]; once a pass and layer, before their experts are asked for.
   */
  account(layer: number, picks: Decisions): void;
  /** `[layers, experts]`, 1 where the expert has a slot. */
  snapshot(): Uint8Array;
}

export interface Prediction {
  readonly layer: number;
  readonly experts: Uint32Array;
}

export interface ResidencyCounters {
  hits: number;
  misses: number;
  evictions: number;
  /** Time spent waiting for records. */
  stallMs: number;
  residentExperts: number;
  residentExpertBytes: number;
}

/** Records on their way to a slot are held by nobody's budget: this many bytes at most (one record at least). */
const LOOK_AHEAD_BYTES = 32 * 1024 * 1024;

export interface ResidencyOptions {
  readonly core: Core;
  readonly backend: Backend;
  readonly provider: RecordProvider;
  readonly layerCount: number;
  readonly expertCount: number;
  readonly expertsPerToken: number;
  readonly policy: EvictionPolicy;
  /** Bytes. */
  readonly budget: number;
}

/** Errors: `budget-too-small`, `out-of-memory`. */
export async function createResidency(options: ResidencyOptions): Promise<Residency> {
  const { core, backend, provider, layerCount, expertCount, expertsPerToken } = options;
  const slotBytes = Array.from({ length: layerCount }, (_, layer) => backend.slotBytes(layer));
  const counts = slotCounts(slotBytes, expertCount, options.budget);
  await backend.allocateSlots(counts);
  const { slots } = core;
  slots.reset(counts, expertCount, options.policy);
  const counters: ResidencyCounters = {
    hits: 0,
    misses: 0,
    evictions: 0,
    stallMs: 0,
    residentExperts: 0,
    residentExpertBytes: 0,
  };

  const isAbsent = (layer: number, expert: number): boolean => slots.lookup(layer, expert) === ABSENT;
  const publish = (layer: number): void => backend.writeSlotTable(layer, slots.table(layer));
  slotBytes.forEach((bytes, layer) => {
    if (bytes > 0) publish(layer);
  });

  async function waitFor<T>(arrival: Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await arrival;
    } finally {
      counters.stallMs += performance.now() - began;
    }
  }

  /** Puts a record into a slot; false if every slot holds an expert of `keep`. */
  const place = ({ layer, expert, parts }: ExpertRecord, keep: Uint32Array): boolean => {
    const placed = slots.place(layer, expert, keep);
    if (!placed) return false;
    for (const { matrix, rows } of parts) backend.writeSlot(layer, placed.slot, matrix, rows);
    if (placed.evicted === ABSENT) {
      counters.residentExperts++;
      counters.residentExpertBytes += slotBytes[layer]!;
    } else counters.evictions++;
    return true;
  };

  /** Records in the order of `experts`, fetched ahead of the consumer by a bounded number of bytes. */
  async function* recordsAhead(layer: number, experts: readonly number[], signal?: AbortSignal) {
    const ahead = Math.max(1, Math.floor(LOOK_AHEAD_BYTES / slotBytes[layer]!));
    const pending: Promise<ExpertRecord>[] = [];
    let next = 0;
    const fill = (): void => {
      while (pending.length < ahead && next < experts.length) {
        const record = provider.record(layer, experts[next++]!, { priority: "demand", signal });
        // A consumer that stops early leaves these behind; their failure is then nobody's concern.
        record.catch(() => undefined);
        pending.push(record);
      }
    };
    fill();
    while (pending.length > 0) {
      const record = await pending.shift()!;
      fill();
      yield record;
    }
  }

  return {
    counts,
    counters,
    slotsOf: (layer) => counts[layer]!,

    async acquire(layer, experts, predicted, signal) {
      const demand = Array.from(experts).filter((expert) => isAbsent(layer, expert));
      const demanded = demand.map((expert) => provider.record(layer, expert, { priority: "demand", signal }));
      const arrived: ExpertRecord[] = [];
      for (const prediction of predicted)
        for (const expert of prediction.experts)
          if (isAbsent(prediction.layer, expert))
            provider
              .record(prediction.layer, expert, { priority: "prefetch", signal })
              .then((record) => arrived.push(record))
              .catch(() => undefined);
      for (const record of await waitFor(Promise.all(demanded))) place(record, experts);
      publish(layer);
      for (const prediction of predicted) {
        const records = arrived.filter((record) => record.layer === prediction.layer);
        for (const record of records)
          if (isAbsent(record.layer, record.expert)) place(record, prediction.experts);
        if (records.length > 0) publish(prediction.layer);
      }
    },

    async *waves(layer, plan, signal) {
      const room = counts[layer]!;
      const all = Array.from(plan.experts);
      const present = all.filter((expert) => !isAbsent(layer, expert));
      const missing = all.filter((expert) => isAbsent(layer, expert));
      const records = recordsAhead(layer, missing, signal);
      if (present.length > 0) yield waveOf(plan, present, (expert) => slots.lookup(layer, expert));
      for (let start = 0; start < missing.length; start += room) {
        const experts = missing.slice(start, start + room);
        // Other experts of this batch are worth keeping only while every expert of it fits.
        const keep = Uint32Array.from(all.length <= room ? all : experts);
        try {
          for (let i = 0; i < experts.length; i++) {
            const { value, done } = await waitFor(records.next());
            if (!done) place(value, keep);
          }
        } finally {
          // Also when a fetch failed half way: the device must never find an expert in a slot that was rewritten.
          publish(layer);
        }
        yield waveOf(plan, experts, (expert) => slots.lookup(layer, expert));
      }
    },

    account(layer, picks) {
      for (const expert of new Set(picks.ids))
        if (isAbsent(layer, expert)) counters.misses++;
        else counters.hits++;
      slots.observe(layer, picks, expertsPerToken);
    },

    snapshot() {
      const resident = new Uint8Array(layerCount * expertCount);
      for (let layer = 0; layer < layerCount; layer++)
        if (counts[layer]! > 0)
          slots.table(layer).forEach((slot, expert) => {
            if (slot !== ABSENT) resident[layer * expertCount + expert] = 1;
          });
      return resident;
    },
  };
}

/** The plan's entries of `experts`, in their order. */
function waveOf(plan: DispatchPlan, experts: readonly number[], slotOf: (expert: number) => number): Wave {
  const at = new Map(Array.from(plan.experts, (expert, i) => [expert, i]));
  const offsets = new Uint32Array(experts.length + 1);
  const runs = experts.map((expert, i) => {
    const index = at.get(expert)!;
    const run = plan.entries.subarray(plan.offsets[index]!, plan.offsets[index + 1]!);
    offsets[i + 1] = offsets[i]! + run.length;
    return run;
  });
  const entries = new Uint32Array(offsets[experts.length]!);
  runs.forEach((run, i) => {
    entries.set(run, offsets[i]!);
  });
  return { slots: Uint32Array.from(experts, slotOf), offsets, entries };
}
