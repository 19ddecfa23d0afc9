import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { Backend } from "../../backend.ts";
import { randomWeights, tinyPlan, writeExpert, writeTrunk } from "../../testing/plans.ts";
import { runPlan } from "../../testing/run.ts";
import { createJobWriter, JOB_BYTES } from "../job.ts";
import { makeBackend, makeInt8Backend, makeThreadedBackend, startSharedCompute } from "../make.testing.ts";
import { ACTIVE, createControl, type HelperInit, STATE, STOPPED } from "./control.mjs";
import { startNodeHelper } from "./start-node.ts";

/** Wide enough that decode is shared too, and of heights that neither threads nor tiles divide. */
const plan = tinyPlan({
  hiddenSize: 512,
  headCount: 24,
  kvHeadCount: 3,
  headDim: 64,
  rope: { pairing: "neox", dimension: 64, freqBase: 10_000 },
  expertCount: 4,
  expertHiddenSize: 544,
  vocabSize: 523,
  expertType: "q4_0",
});
const weights = randomWeights(plan, 11);

async function fill(backend: Backend): Promise<Backend> {
  writeTrunk(backend, plan, weights);
  const { layerCount, expertCount } = plan.hyperparameters;
  await backend.allocateSlots(new Uint32Array(layerCount).fill(expertCount));
  for (let layer = 0; layer < layerCount; layer++)
    for (let expert = 0; expert < expertCount; expert++)
      writeExpert(backend, weights, { layer, expert, slot: expert });
  return backend;
}

/** Logits after a full chunk, a part of one, and each of four single tokens. */
async function logitsOf(backend: Backend): Promise<Float32Array[]> {
  const logits: Float32Array[] = [];
  let position = 0;
  for (const rows of [128, 61, 1, 1, 1, 1]) {
    const tokens = Uint32Array.from({ length: rows }, (_, i) => ((position + i) * 37) % 523);
    logits.push(await runPlan(backend, plan, { tokens, position }));
    position += rows;
  }
  return logits;
}

test.each(["f32", "int8"] as const)(
  "two and three threads give the bits of one, in prompts and in single tokens, on %s activations",
  async (activations) => {
    const one = activations === "int8" ? await makeInt8Backend(plan) : await makeBackend(plan);
    const expected = await logitsOf(await fill(one));
    expect(expected.every((logits) => logits.every(Number.isFinite))).toBe(true);
    for (const count of [2, 3]) {
      const backend = await fill(await makeThreadedBackend(plan, count, startNodeHelper, activations));
      expect(backend.threads).toBe(count);
      for (let run = 0; run < 3; run++) expect(await logitsOf(backend)).toEqual(expected);
      backend.dispose();
    }
  },
);

test("a helper alone computes a whole job, from memory that grew after it began", async () => {
  const { module, memory, compute, arena, halfTable } = await startSharedCompute();
  const control = createControl();
  const job = arena.allocate(JOB_BYTES, "the job");
  await startNodeHelper({ module, memory, control, job, halfTable, thread: 1 });
  const [rows, cols, outputs] = [3, 40, 21];
  arena.allocate(2 ** 22, "what was not there at first");
  const floats = (length: number) => arena.allocate(length * 4, "operands");
  const [weights, x, out, expected] = [
    floats(outputs * cols),
    floats(rows * cols),
    floats(rows * outputs),
    floats(rows * outputs),
  ];
  arena.floats(weights, outputs * cols).set(Float32Array.from({ length: outputs * cols }, (_, i) => i % 17));
  arena.floats(x, rows * cols).set(Float32Array.from({ length: rows * cols }, (_, i) => (i % 5) - 1.5));
  const scratchBytes = compute.linearScratchBytes(rows, cols);
  const scratch = arena.allocate(2 * scratchBytes, "scratch");
  const operands = [0, weights, 0, 0, 0, cols, x, cols * 4, rows] as const;
  compute.linear(...operands, expected, outputs * 4, 0, 0.5, 0, scratch, 0, outputs);

  const matrix = { type: 0, rows: outputs, cols, planes: [weights, 0, 0, 0] } as const;
  const product = { matrix, x, rows, out, outStride: outputs * 4, scale: 0.5 };
  createJobWriter(arena, job).products([product], 8, { address: scratch, bytes: scratchBytes });
  Atomics.add(control, STATE, 1);
  Atomics.notify(control, STATE);
  // Three chunks, then one look that finds none left.
  const next = new Int32Array(memory.buffer, job, 1);
  await expect.poll(() => Atomics.load(next, 0), { timeout: 10_000, interval: 5 }).toBe(4);
  await expect.poll(() => Atomics.load(control, ACTIVE), { timeout: 10_000, interval: 5 }).toBe(0);
  Atomics.store(control, STOPPED, 1);
  Atomics.add(control, STATE, 1);
  Atomics.notify(control, STATE);
  expect(arena.floats(out, rows * outputs).slice()).toEqual(arena.floats(expected, rows * outputs).slice());
  expect(arena.floats(out, rows * outputs).some((value) => value !== 0)).toBe(true);
});

test("without helpers the model computes on one thread, and those that started are told to stop", async () => {
  const expected = await logitsOf(await fill(await makeBackend(plan)));
  const failing = [
    () => {
      throw new Error("no workers here");
    },
    async () => {
      throw new Error("no script");
    },
  ];
  for (const fail of failing) {
    const told: HelperInit[] = [];
    const backend = await fill(
      await makeThreadedBackend(plan, 3, (init) => {
        told.push(init);
        return told.length === 1 ? Promise.resolve() : fail();
      }),
    );
    expect(backend.threads).toBe(1);
    expect(await logitsOf(backend)).toEqual(expected);
    expect(Atomics.load(told[0]!.control, STOPPED)).toBe(1);
  }
});

test("threads end when the backend is disposed of, asleep or not yet ready", async () => {
  const ended: Promise<unknown>[] = [];
  const start = (workerData: HelperInit): Promise<void> => {
    const worker = new Worker(new URL("./helper-node.mjs", import.meta.url), { workerData });
    ended.push(once(worker, "exit"));
    return workerData.thread === 1 ? once(worker, "message").then(() => undefined) : Promise.resolve();
  };
  const backend = await makeThreadedBackend(plan, 3, start);
  expect(backend.threads).toBe(3);
  backend.dispose();
  await Promise.all(ended);
});
