import { hasCode } from "../api/errors.ts";
import type { EvictionPolicy, SlotShares } from "../api/options.ts";
import { ABSENT, type Backend, type Decisions, type Wave } from "../backend/backend.ts";
import type { ExpertRecord, RecordProvider } from "../experts/parts.ts";
import type { Core, DispatchPlan } from "../wasm/core.ts";
import { slotCounts } from "./slot-budget.ts";
import { betterCounts } from "./slot-shares.ts";

/**
 * Joins experts (bytes in) to the backend (slots). One pass runs at a time and every call here is awaited by it,
 * so a slot is never rewritten under an expert that is still computing. A pass that was submitted ahead may still be
 * in flight: a device takes writes in their order, and nobody reads what that pass gives.
 */
export interface Residency {
  /** Slots by layer. */
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
   * its tokens' picks, [tokens, expertsPerToken]; once a pass and layer, before their experts are asked for.
   */
  account(layer: number, tokens: Uint32Array, picks: Decisions): void;
  /** `[expertCount]`: slot or ABSENT, with what `fetchLater` has brought. Call it while nothing computes. */
  table(layer: number): Uint32Array;
  /** Asks for experts that nobody waits for; they get slots when `table` is next called. */
  fetchLater(layer: number, experts: readonly number[]): void;
  /**
   * Between generations: shares slots out anew if layers need them otherwise than they have them, within the bytes
   * that were allocated first. Slots are empty then, and fill from the tiers behind them.
   *
   * Errors: `out-of-memory` if the device has no room left for the slots that it had before.
   */
  share(): Promise<void>;
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

const NOBODY = new Uint32Array(0);

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
  /** Whether slots follow measured demand, or every layer keeps as many as the others. */
  readonly shares: SlotShares;
}

/** Errors: `budget-too-small`, `out-of-memory`. */
export async function createResidency(options: ResidencyOptions): Promise<Residency> {
  const { core, backend, provider, layerCount, expertCount, expertsPerToken } = options;
  const slotBytes = Array.from({ length: layerCount }, (_, layer) => backend.slotBytes(layer));
  let counts = slotCounts(slotBytes, expertCount, options.budget);
  await backend.allocateSlots(counts);
  const allocatedBytes = slotBytes.reduce((sum, bytes, layer) => sum + bytes * counts[layer]!, 0);
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
  /** Records that came for `fetchLater`, and what it has asked for. */
  let late: ExpertRecord[] = [];
  const asked = new Set<number>();
  const publishAll = (): void => {
    slotBytes.forEach((bytes, layer) => {
      if (bytes > 0) publish(layer);
    });
  };
  publishAll();

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
    get counts() {
      return counts;
    },
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

    account(layer, tokens, picks) {
      for (const expert of new Set(picks.ids))
        if (isAbsent(layer, expert)) counters.misses++;
        else counters.hits++;
      slots.observe(layer, tokens, picks, expertsPerToken);
    },

    table(layer) {
      const records = late.filter((record) => record.layer === layer);
      if (records.length > 0) {
        late = late.filter((record) => record.layer !== layer);
        for (const record of records) if (isAbsent(layer, record.expert)) place(record, NOBODY);
        publish(layer);
      }
      return slots.table(layer);
    },

    fetchLater(layer, experts) {
      for (const expert of experts) {
        const key = layer * expertCount + expert;
        if (asked.has(key)) continue;
        asked.add(key);
        provider
          .record(layer, expert, { priority: "prefetch" })
          .then((record) => late.push(record))
          // Nobody waits for it: whoever does will meet the failure.
          .catch(() => undefined)
          .finally(() => asked.delete(key));
      }
    },

    async share() {
      if (options.shares === "even") return;
      const sizes = { slotBytes, expertCount, expertsPerToken, budget: allocatedBytes };
      const better = betterCounts(slots, counts, sizes);
      if (!better) return;
      const before = counts;
      counts = better;
      // First, so that nothing believes in what the slots held, whatever happens next.
      slots.resize(counts);
      try {
        await backend.allocateSlots(counts);
      } catch (error) {
        if (!hasCode(error, "out-of-memory")) throw error;
        // Pieces of other sizes may fit worse than those that were there.
        counts = before;
        slots.resize(counts);
        await backend.allocateSlots(counts);
      }
      counters.residentExperts = 0;
      counters.residentExpertBytes = 0;
      publishAll();
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
