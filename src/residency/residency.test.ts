import { beforeAll, expect, test } from "vitest";
import coreUrl from "../../asm/core/index.ts?asc";
import { WebMoEError } from "../api/errors.ts";
import type { ExpertBudget } from "../api/options.ts";
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

/** A device that remembers whose bytes are in each slot, and the table it was last told. */
function fakeDevice() {
  const contents = new Map<string, number>();
  const tables = new Map<number, Uint32Array>();
  const backend = {
    slotBytes: () => SLOT_BYTES,
    allocateSlots: async () => undefined,
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
  return { backend, contents, tables, check };
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

async function residencyOf(slots: number, failing?: ReadonlySet<number>) {
  const device = fakeDevice();
  const library = fakeLibrary(failing);
  const residency = await createResidency({
    core: await instantiateCore(module),
    backend: device.backend,
    provider: library.provider,
    layerCount: LAYERS,
    expertCount: EXPERTS,
    expertsPerToken: 2,
    policy: "lru",
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
    residency.account(0, { ids: Uint32Array.from(experts), weights: new Float32Array(experts.length) });
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
