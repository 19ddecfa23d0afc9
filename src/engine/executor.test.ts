import { expect, test } from "vitest";
import { type Backend, CHUNK_ROWS } from "../backend/backend.ts";
import type { ForwardPlan, Op } from "../model/plan.ts";
import type { Residency } from "../residency/residency.ts";
import type { Core } from "../wasm/core.ts";
import { createExecutor } from "./executor.ts";
import { fixedSegments } from "./segments.ts";

const embed: Op = { kind: "embed", weight: "token_embd.weight", out: 0 };
const head: Op = { kind: "linear", x: 0, weights: ["output.weight"], out: 1 };

/** One dense layer: nothing in it asks the device for an answer. */
const DENSE = {
  hyperparameters: { layerCount: 1, expertCount: 0, expertsPerToken: 0 },
  prologue: [embed],
  layers: [{ index: 0, input: 0, output: 0, ops: [{ kind: "rms-norm", x: 0, weight: "norm" }] }],
  epilogue: [head],
  logits: 1,
} as unknown as ForwardPlan;

/** A device that forgets what was recorded when a pass begins, as `Backend` allows. */
function recordingDevice() {
  const settled: [position: number, op: string][] = [];
  let recorded: [number, string][] = [];
  let position = 0;
  const backend = {
    routesOnDevice: true,
    async beginPass(pass: { position: number }) {
      position = pass.position;
      recorded = [];
    },
    run: (op: Op) => recorded.push([position, op.kind]),
    canSample: () => false,
    async submit({ value }: { value?: number }) {
      settled.push(...recorded);
      recorded = [];
      return value === undefined ? {} : { value: Float32Array.of(1, 2) };
    },
  } as unknown as Backend;
  return { backend, settled };
}

const RESIDENCY = { share: async () => undefined } as Residency;

test("every chunk of a dense prompt is submitted before the next pass begins", async () => {
  const { backend, settled } = recordingDevice();
  const executor = createExecutor({
    plan: DENSE,
    backend,
    core: {} as Core,
    residency: RESIDENCY,
    segments: fixedSegments(1, 1),
    listeners: [],
  });
  await executor.prefill(new Uint32Array(2 * CHUNK_ROWS + 1), { kind: "logits" });
  expect(settled.filter(([, kind]) => kind === "rms-norm").map(([position]) => position)).toEqual([
    0,
    CHUNK_ROWS,
    2 * CHUNK_ROWS,
  ]);
});

test("a prompt that begins like the last one computes only the chunks that differ, and its last row always", async () => {
  const { backend, settled } = recordingDevice();
  const executor = createExecutor({
    plan: DENSE,
    backend,
    core: {} as Core,
    residency: RESIDENCY,
    segments: fixedSegments(1, 1),
    listeners: [],
  });
  const prompt = (length: number, last = 7): Uint32Array =>
    new Uint32Array(length).fill(7).fill(last, length - 1);
  /** Positions of the passes that a prompt takes. */
  const passes = async (tokens: Uint32Array, signal?: AbortSignal): Promise<number[]> => {
    settled.length = 0;
    await executor.prefill(tokens, { kind: "logits" }, signal).catch(() => undefined);
    return settled.filter(([, kind]) => kind === "embed").map(([position]) => position);
  };
  const chunks = (count: number): number => count * CHUNK_ROWS;
  expect(await passes(prompt(chunks(2) + 5))).toEqual([0, chunks(1), chunks(2)]);
  expect(await passes(prompt(chunks(2) + 9))).toEqual([chunks(2)]);
  expect(await passes(prompt(chunks(2)))).toEqual([chunks(1)]);
  expect(await passes(prompt(chunks(2), 8))).toEqual([chunks(1)]);
  expect(await passes(prompt(chunks(1) - 1))).toEqual([0]);
  // That one overwrote the first chunk, and no chunk is whole any more.
  expect(await passes(prompt(chunks(1) + 1))).toEqual([0, chunks(1)]);
  expect(await passes(prompt(chunks(1) + 1, 8), AbortSignal.abort())).toEqual([]);
  expect(await passes(prompt(chunks(1) + 1))).toEqual([chunks(1)]);
});
