import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { Backend } from "../../backend.ts";
import { randomWeights, tinyPlan, writeExpert, writeTrunk } from "../../testing/plans.ts";
import { runPlan } from "../../testing/run.ts";
import { makeBackend, makeThreadedBackend, startSharedCompute } from "../make.testing.ts";
import {
  ACTIVE,
  createJobBuffer,
  describe,
  type HelperInit,
  jobIn,
  LINEAR,
  NEXT,
  STATE,
  STOPPED,
} from "./job.mjs";
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

test("two and three threads give the bits of one, in prompts and in single tokens", async () => {
  const expected = await logitsOf(await fill(await makeBackend(plan)));
  expect(expected.every((logits) => logits.every(Number.isFinite))).toBe(true);
  for (const count of [2, 3]) {
    const backend = await fill(await makeThreadedBackend(plan, count));
    expect(backend.threads).toBe(count);
    for (let run = 0; run < 3; run++) expect(await logitsOf(backend)).toEqual(expected);
    backend.dispose();
  }
});

test("a helper alone computes a whole job, from memory that grew after it began", async () => {
  const { module, memory, compute, arena, halfTable } = await startSharedCompute();
  const buffer = createJobBuffer();
  const { control, args } = jobIn(buffer);
  await startNodeHelper({ module, memory, halfTable, thread: 1, job: buffer });
  const [rows, cols, outputs] = [3, 40, 21];
  arena.allocate(2 ** 22, "what was not there at first");
  const floats = (length: number) => arena.allocate(length * 4, "operands");
  const [matrix, x, out, expected] = [
    floats(outputs * cols),
    floats(rows * cols),
    floats(rows * outputs),
    floats(rows * outputs),
  ];
  arena.floats(matrix, outputs * cols).set(Float32Array.from({ length: outputs * cols }, (_, i) => i % 17));
  arena.floats(x, rows * cols).set(Float32Array.from({ length: rows * cols }, (_, i) => (i % 5) - 1.5));
  const scratchBytes = compute.linearScratchBytes(rows);
  const scratch = arena.allocate(2 * scratchBytes, "scratch");
  const operands = [0, matrix, 0, 0, 0, cols, x, cols * 4, rows] as const;
  compute.linear(...operands, expected, outputs * 4, 0, 0.5, 0, scratch, 0, outputs);

  const shape = { kernel: LINEAR, units: outputs, chunkUnits: 8, scratch, scratchBytes };
  describe({ control, args }, shape, [...operands, out, outputs * 4, 0, 0.5, 0]);
  Atomics.add(control, STATE, 1);
  Atomics.notify(control, STATE);
  // Three chunks, then one look that finds none left.
  await expect.poll(() => Atomics.load(control, NEXT), { timeout: 10_000, interval: 5 }).toBe(4);
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
    expect(Atomics.load(jobIn(told[0]!.job).control, STOPPED)).toBe(1);
  }
});

test("threads end when the backend is disposed of, asleep or not yet ready", async () => {
  const ended: Promise<unknown>[] = [];
  const backend = await makeThreadedBackend(plan, 3, (workerData) => {
    const worker = new Worker(new URL("./helper-node.mjs", import.meta.url), { workerData });
    ended.push(once(worker, "exit"));
    return workerData.thread === 1 ? once(worker, "message").then(() => undefined) : Promise.resolve();
  });
  expect(backend.threads).toBe(3);
  backend.dispose();
  await Promise.all(ended);
});
