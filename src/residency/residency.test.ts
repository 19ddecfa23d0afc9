import { beforeAll, expect, test } from "vitest";
import coreUrl from "../../asm/core/index.ts?asc";
import { WebMoEError } from "../api/errors.ts";
import type { ExpertBudget, SlotShares } from "../api/options.ts";
import { ABSENT, type Backend } from "../backend/backend.ts";
import type { ExpertRecord, RecordProvider } from "../experts/parts.ts";
import { compileWasmFile } from "../wasm/compile-node.ts";
import { instantiateCore } from "../wasm/core.ts";
import { createResidency, type Residency } from "./residency.ts";
import { budgetBytes, slotCounts } from "./slot-budget.ts";

const LAYERS = 3;
const EXPERTS = 8;
const SLOT_BYTES = 100;

let module: WebAssembly.Module;
beforeAll(async () => {
  module = await compileWasmFile(coreUrl);
});

/** A device that remembers whose bytes are in each slot, and the table it was last told; `refuses` slots it has no room for. */
function fakeDevice(refuses: (counts: readonly number[]) => boolean = () => false) {
  const allocations: number[][] = [];
  const contents = new Map<string, number>();
  const tables = new Map<number, Uint32Array>();
  const backend = {
    slotBytes: () => SLOT_BYTES,
    async allocateSlots(counts: Uint32Array) {
      contents.clear();
      allocations.push([...counts]);
      if (refuses([...counts])) throw new WebMoEError("out-of-memory", "no room");
    },
    writeSlot(layer: number, slot: number, _matrix: string, rows: { bytes: Uint8Array }) {
      contents.set(`${layer}/${slot}`, rows.bytes[0]!);
    },
    writeSlotTable(layer: number, table: Uint32Array) {
      tables.set(layer, table);
    },
  } as unknown as Backend;
  /** Every expert the device finds by its table lies where the table says. */
  const check = (): void => {
    for (const [layer, table] of tables)
      table.forEach((slot, expert) => {
        if (slot !== ABSENT) expect(contents.get(`${layer}/${slot}`)).toBe(expert);
      });
  };
  return { backend, allocations, contents, tables, check };
}

/** Records whose bytes are the expert's number; asks for those in `failing` reject. */
function fakeLibrary(failing: ReadonlySet<number> = new Set()) {
  const asked: [number, number, string][] = [];
  const provider: RecordProvider = {
    async record(layer, expert, { priority }) {
      asked.push([layer, expert, priority]);
      await Promise.resolve();
      if (failing.has(expert)) throw new WebMoEError("network", `expert ${expert} did not come`);
      const rows = { rowStart: 0, rowCount: 1, bytes: Uint8Array.of(expert) };
      const record: ExpertRecord = { layer, expert, parts: [{ matrix: "gate", rows }], byteLength: 1 };
      return record;
    },
  };
  return { provider, asked };
}

async function residencyOf(
  slots: number,
  failing?: ReadonlySet<number>,
  shares: SlotShares = "even",
  refuses?: (counts: readonly number[]) => boolean,
) {
  const device = fakeDevice(refuses);
  const library = fakeLibrary(failing);
  const residency = await createResidency({
    core: await instantiateCore(module),
    backend: device.backend,
    provider: library.provider,
    layerCount: LAYERS,
    expertCount: EXPERTS,
    expertsPerToken: 2,
    policy: "lru",
    shares,
    budget: slots * LAYERS * SLOT_BYTES,
  });
  return { ...device, ...library, residency };
}

/** Each expert has as many entries as its number, and the entries carry the expert in their high byte. */
function planOf(experts: number[]) {
  const offsets = [0];
  const entries: number[] = [];
  for (const expert of experts) {
    for (let i = 0; i < expert; i++) entries.push(expert * 256 + i);
    offsets.push(entries.length);
  }
  return {
    experts: Uint32Array.from(experts),
    offsets: Uint32Array.from(offsets),
    entries: Uint32Array.from(entries),
  };
}

/** Runs a plan in waves, checking each against the device; returns the entries that ran, in order. */
async function runWaves(
  residency: Residency,
  contents: ReadonlyMap<string, number>,
  layer: number,
  experts: number[],
): Promise<{ waves: number; entries: number[] }> {
  let waves = 0;
  const ran: number[] = [];
  for await (const { slots, offsets, entries } of residency.waves(layer, planOf(experts))) {
    waves++;
    slots.forEach((slot, i) => {
      for (const entry of entries.subarray(offsets[i], offsets[i + 1])) {
        expect(contents.get(`${layer}/${slot}`)).toBe(entry >> 8);
        ran.push(entry);
      }
    });
  }
  return { waves, entries: ran };
}

test("waves run every entry exactly once on the right expert, whatever the number of slots", async () => {
  const experts = [1, 2, 3, 5, 6, 7];
  const wanted = Array.from(planOf(experts).entries);
  for (let slots = 1; slots <= EXPERTS; slots++) {
    const { residency, contents, check } = await residencyOf(slots);
    for (let round = 0; round < 3; round++) {
      const { waves, entries } = await runWaves(residency, contents, round % LAYERS, experts);
      expect(entries.sort((a, b) => a - b)).toEqual(wanted);
      expect(waves).toBeGreaterThanOrEqual(Math.ceil(experts.length / slots));
      check();
    }
  }
});

test("experts that are present run first and are not fetched again", async () => {
  const { residency, contents, asked } = await residencyOf(4);
  await runWaves(residency, contents, 0, [1, 2]);
  asked.length = 0;
  const { waves, entries } = await runWaves(residency, contents, 0, [2, 3]);
  expect(waves).toBe(2);
  expect(entries[0]! >> 8).toBe(2);
  expect(asked).toEqual([[0, 3, "demand"]]);
});

test("a failed fetch leaves no slot that the device believes to hold another expert", async () => {
  const { residency, contents, check } = await residencyOf(3, new Set([6]));
  await runWaves(residency, contents, 0, [1, 2, 3]);
  await expect(runWaves(residency, contents, 0, [4, 5, 6])).rejects.toMatchObject({ code: "network" });
  check();
  await expect(residency.acquire(0, Uint32Array.of(6), [])).rejects.toMatchObject({ code: "network" });
  check();
  const { entries } = await runWaves(residency, contents, 0, [1, 7]);
  expect(entries).toHaveLength(8);
});

test("acquire brings demand in, and a prediction neither fails nor displaces it", async () => {
  const { residency, check, tables } = await residencyOf(2, new Set([7]));
  await residency.acquire(0, Uint32Array.of(3, 4), [
    { layer: 1, experts: Uint32Array.of(5, 7) },
    { layer: 2, experts: Uint32Array.of(1, 2) },
  ]);
  check();
  const held = (layer: number): number[] =>
    Array.from(tables.get(layer)!.keys()).filter((expert) => tables.get(layer)![expert] !== ABSENT);
  expect(held(0)).toEqual([3, 4]);
  expect(held(2).every((expert) => expert === 1 || expert === 2)).toBe(true);
  expect(held(1)).not.toContain(7);
});

test("hits, misses, evictions and resident bytes add up", async () => {
  const { residency, contents } = await residencyOf(2);
  const demand = async (experts: number[]): Promise<void> => {
    const weights = new Float32Array(experts.length);
    residency.account(0, Uint32Array.of(1), { ids: Uint32Array.from(experts), weights });
    await runWaves(residency, contents, 0, experts);
  };
  await demand([1, 2]);
  await demand([2, 3]);
  await demand([2, 3]);
  expect(residency.counters).toMatchObject({ hits: 3, misses: 3, evictions: 1, residentExperts: 2 });
  expect(residency.counters.residentExpertBytes).toBe(2 * SLOT_BYTES);
  expect(Array.from(residency.snapshot().subarray(0, EXPERTS))).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
});

test("slots are shared evenly under the budget, and a budget below one slot a layer names what would do", () => {
  const bytes = (budget: ExpertBudget): number => budgetBytes(budget, [10, 0, 10, 10], 8);
  expect(["all", "min", "50%", "0.1%", 77].map((budget) => bytes(budget as ExpertBudget))).toEqual([
    240, 30, 120, 30, 77,
  ]);
  expect(Array.from(slotCounts([10, 0, 10, 10], 8, 240))).toEqual([8, 0, 8, 8]);
  expect(Array.from(slotCounts([10, 0, 10, 10], 8, 85))).toEqual([3, 0, 3, 2]);
  expect(Array.from(slotCounts([10, 0, 10, 10], 8, 1e9))).toEqual([8, 0, 8, 8]);
  expect(() => slotCounts([10, 0, 10, 10], 8, 29)).toThrow("takes 30 bytes");
  for (const budget of [30, 77, 123, 239]) {
    const counts = slotCounts([10, 0, 10, 10], 8, budget);
    expect(counts.reduce((sum, count) => sum + count * 10, 0)).toBeLessThanOrEqual(budget);
  }
});

/** Layer 0 picks all experts alike, the others always the same two. */
async function decodeUnevenly({ residency }: { residency: Residency }): Promise<void> {
  for (let token = 0; token < 400; token++)
    for (let layer = 0; layer < LAYERS; layer++) {
      const first = layer === 0 ? (token * 3) % EXPERTS : 0;
      const ids = Uint32Array.of(first, (first + 1) % EXPERTS);
      residency.account(layer, Uint32Array.of(token), { ids, weights: Float32Array.of(0.5, 0.5) });
      await residency.acquire(layer, ids, []);
    }
}

test("slots move to the layer that misses, within the bytes there were, and what they held is not believed in", async () => {
  const uneven = await residencyOf(4, undefined, "measured");
  await decodeUnevenly(uneven);
  await uneven.residency.share();
  expect(uneven.allocations).toEqual([
    [4, 4, 4],
    [8, 2, 2],
  ]);
  expect([...uneven.residency.counts]).toEqual([8, 2, 2]);
  expect(uneven.residency.snapshot().every((resident) => resident === 0)).toBe(true);
  expect(uneven.residency.counters).toMatchObject({ residentExperts: 0, residentExpertBytes: 0 });
  uneven.check();
  const { misses } = uneven.residency.counters;
  await decodeUnevenly(uneven);
  expect(uneven.residency.counters.misses - misses).toBe(8 + 2 + 2);
  uneven.check();
  await uneven.residency.share();
  expect(uneven.allocations).toHaveLength(2);
  const even = await residencyOf(4, undefined, "even");
  await decodeUnevenly(even);
  await even.residency.share();
  expect(even.allocations).toHaveLength(1);
});

test("a device without room for other shares keeps those it had", async () => {
  const held = await residencyOf(4, undefined, "measured", ([first]) => first !== 4);
  await decodeUnevenly(held);
  await held.residency.share();
  expect(held.allocations.map(([first]) => first)).toEqual([4, 8, 4]);
  expect([...held.residency.counts]).toEqual([4, 4, 4]);
  const { entries } = await runWaves(held.residency, held.contents, 0, [1, 7]);
  expect(entries).toHaveLength(8);
});
