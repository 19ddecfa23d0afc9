import type { Backend } from "../../src/backend/backend.ts";
import { opPlan } from "../../src/backend/testing/plans.ts";
import { adapterName } from "../../src/backend/webgpu/adapter.ts";
import { createWebGpuBackend } from "../../src/backend/webgpu/index.ts";
import {
  EXPERT_MATRICES,
  type ExpertMatrix,
  type LayerPlan,
  type Op,
  type TensorSpec,
} from "../../src/model/plan.ts";
import type { QuantName } from "../../src/model/quantization.ts";
import type { RouterSpec } from "../../src/model/router-spec.ts";
import { type ClockedAdapter, clocked } from "./gpu-clock.ts";
import readShader from "./read.wgsl?raw";
import {
  cycledPlan,
  packedBytes,
  randomInputs,
  randomRows,
  SHAPES,
  type Shape,
  shapeName,
} from "./shapes.ts";
import type { KernelRow } from "./wasm.ts";

const SAMPLES = 5;
/** Dispatches of one submission take at least this long, unless there would be too many. */
const LEAST_SECONDS = 0.05;
const MOST_DISPATCHES = 4096;
const LONG_SECONDS = 0.25;

export interface GpuOptions {
  readonly megabytes: number;
  /** A CPU pretends to be a GPU: fewer bytes, no large matrices. */
  readonly software: boolean;
}

async function adapterOf(gpu: GPU): Promise<ClockedAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("There is no WebGPU adapter.");
  return clocked(adapter);
}

/**
 * Seconds of one call among many in a submission, by sample. `submit(n)` records n calls, submits them together and
 * waits. Without timestamps it is the difference of two lengths, so that the wait itself does not count.
 */
async function perCall(clock: ClockedAdapter, submit: (count: number) => Promise<void>): Promise<number[]> {
  const wall = async (count: number): Promise<number> => {
    const began = performance.now();
    await submit(count);
    return (performance.now() - began) / 1000;
  };
  await wall(1);
  // Beside a call as long as this the wait is nothing: software adapters get there.
  if ((await wall(1)) > LONG_SECONDS) return [await wall(1), await wall(1), await wall(1)];
  let count = 2;
  while (count < MOST_DISPATCHES && (await wall(count)) < LEAST_SECONDS) count *= 2;
  const seconds: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const long = await wall(count);
    const byGpu = await clock.lastPass();
    const half = count / 2;
    seconds.push(byGpu !== undefined ? byGpu / count : Math.max(0, long - (await wall(half))) / half);
  }
  return seconds;
}

/** What the adapter can do at best: bytes/s that a kernel reads, and seconds of a dispatch that does nothing. */
export async function gpuFloor(gpu: GPU, { megabytes }: GpuOptions) {
  const clock = await adapterOf(gpu);
  const { adapter } = clock;
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  const bytes = Math.min(
    megabytes * 2 ** 20,
    maxStorageBufferBindingSize - (maxStorageBufferBindingSize % 256),
  );
  const { STORAGE, COPY_DST, COPY_SRC } = GPUBufferUsage;
  const pipelineOf = (code: string): GPUComputePipeline =>
    device.createComputePipeline({
      layout: "auto",
      compute: { module: device.createShaderModule({ code }) },
    });
  const submitting =
    (pipeline: GPUComputePipeline, groups: number, buffers: readonly GPUBuffer[]) =>
    async (count: number): Promise<void> => {
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      if (buffers.length > 0) {
        const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
        pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      }
      for (let i = 0; i < count; i++) pass.dispatchWorkgroups(groups);
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
    };
  const words = device.createBuffer({ size: bytes, usage: STORAGE | COPY_DST | COPY_SRC });
  device.queue.writeBuffer(words, 0, new Uint32Array(2 ** 18).fill(1));
  const out = device.createBuffer({ size: 16, usage: STORAGE });
  const reads = await perCall(clock, submitting(pipelineOf(readShader), 4096, [words, out]));
  const nothing = pipelineOf("@compute @workgroup_size(1) fn main() {}");
  const empty = await perCall(clock, submitting(nothing, 1, []));
  const timestamps = adapter.features.has("timestamp-query");
  device.destroy();
  return {
    adapter: adapterName(adapter),
    timestamps,
    readBandwidth: reads.map((seconds) => bytes / seconds),
    emptyDispatch: empty,
  };
}

/** What a matrix must have at least for the target of large ones. */
const LARGE_BYTES = 64 * 2 ** 20;
const LARGE = "64 MiB or more";

function largeShape(type: QuantName): Shape {
  const cols = 4096;
  const rows = Math.ceil(LARGE_BYTES / packedBytes(type, { what: "", rows: 64, cols })) * 64;
  return { what: LARGE, rows, cols };
}

/** Mat-vecs of one type, then the fused kernels of eight experts. */
export async function gpuKernels(gpu: GPU, type: QuantName, options: GpuOptions): Promise<KernelRow[]> {
  const shapes = options.software
    ? SHAPES.filter((shape) => packedBytes(type, shape) < LARGE_BYTES / 4)
    : [...SHAPES, largeShape(type)];
  const rows: KernelRow[] = [];
  for (const shape of shapes) rows.push(await matVec(gpu, type, shape, options));
  rows.push(await experts(gpu, type, options));
  return rows;
}

async function matVec(
  gpu: GPU,
  type: QuantName,
  shape: Shape,
  { megabytes }: GpuOptions,
): Promise<KernelRow> {
  const bytes = packedBytes(type, shape);
  const copies = Math.max(2, Math.ceil((megabytes * 2 ** 20) / bytes));
  const { plan, ops } = cycledPlan(type, shape, copies);
  const clock = await adapterOf(gpu);
  const { adapter } = clock;
  const backend = await createWebGpuBackend({ plan, contextLength: 128, adapter, routing: "auto" });
  const deliveries = randomRows(type, shape);
  for (const spec of plan.trunk) for (const delivery of deliveries) backend.writeTrunk(spec, delivery);
  const submit = await submitter(backend, ops, randomInputs(1, shape), 1);
  const seconds = await perCall(clock, submit);
  backend.dispose();
  return { name: shapeName(shape), batch: 1, bytes, multiplications: shape.rows * shape.cols, seconds };
}

/** Records `count` of the ops in turn, and waits for what they computed. */
async function submitter(backend: Backend, ops: readonly Op[], x: Float32Array, out: number) {
  await backend.beginPass({ phase: "decode", position: 0, tokens: new Uint32Array(1) });
  backend.writeValue(0, x);
  let next = 0;
  return async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) backend.run(ops[next++ % ops.length]!);
    await backend.submit({ value: out });
  };
}

const EXPERTS = { hiddenSize: 2048, expertHiddenSize: 1024, expertCount: 8, expertsPerToken: 8 };

/** A layer's eight experts as decode runs them: gate, up and activation in one kernel, then down. */
async function experts(gpu: GPU, type: QuantName, { megabytes }: GpuOptions): Promise<KernelRow> {
  const { hiddenSize, expertHiddenSize, expertCount, expertsPerToken } = EXPERTS;
  const shapeOf: Record<ExpertMatrix, Shape> = {
    gate: { what: "gate", rows: expertHiddenSize, cols: hiddenSize },
    up: { what: "up", rows: expertHiddenSize, cols: hiddenSize },
    down: { what: "down", rows: hiddenSize, cols: expertHiddenSize },
  };
  const recordBytes = EXPERT_MATRICES.reduce((sum, name) => sum + packedBytes(type, shapeOf[name]), 0);
  const bytes = expertsPerToken * recordBytes;
  const layerCount = Math.max(2, Math.ceil((megabytes * 2 ** 20) / bytes));
  const router: RouterSpec = {
    score: "softmax",
    weights: "renormalized",
    expertCount,
    expertsPerToken,
    scale: 1,
  };
  const layers = Array.from({ length: layerCount }, (_, index): LayerPlan => {
    const tensor = (name: ExpertMatrix): TensorSpec => {
      const { rows, cols } = shapeOf[name];
      return { name: `blk.${index}.${name}`, rows, cols, type };
    };
    const matrices = { gate: tensor("gate"), up: tensor("up"), down: tensor("down") };
    return {
      index,
      input: 0,
      output: 2,
      ops: [
        { kind: "route", layer: index, logits: 1, spec: router },
        { kind: "experts", layer: index, x: 0, activation: "silu" },
        { kind: "combine", layer: index, residual: 0, out: 2 },
      ],
      moe: { router, expertHiddenSize, matrices },
    };
  });
  const plan = opPlan({
    shape: { ...EXPERTS, layerCount },
    values: [
      { name: "x", width: hiddenSize, rows: "batch", kind: "replay" },
      { name: "logits", width: expertCount, rows: "batch", kind: "scratch" },
      { name: "out", width: hiddenSize, rows: "batch", kind: "replay" },
    ],
    layers,
  });
  const clock = await adapterOf(gpu);
  const { adapter } = clock;
  const backend = await createWebGpuBackend({ plan, contextLength: 128, adapter, routing: "auto" });
  await backend.allocateSlots(new Uint32Array(layerCount).fill(expertCount));
  const deliveries = EXPERT_MATRICES.map((name) => [name, randomRows(type, shapeOf[name])] as const);
  const slots = Array.from({ length: expertCount }, (_, slot) => slot);
  for (const { index } of layers) {
    for (const slot of slots)
      for (const [name, rows] of deliveries)
        for (const delivery of rows) backend.writeSlot(index, slot, name, delivery);
    backend.writeSlotTable(index, Uint32Array.from(slots));
  }
  // Every layer's experts are picked once; then only the experts' own kernels are run.
  const x = randomInputs(1, shapeOf.gate);
  await backend.beginPass({ phase: "decode", position: 0, tokens: new Uint32Array(1) });
  backend.writeValue(0, x);
  backend.writeValue(
    1,
    Float32Array.from(slots, (slot) => slot / 8),
  );
  for (const { ops } of layers) backend.run(ops[0]!);
  await backend.submit({ value: 1 });
  let next = 0;
  const seconds = await perCall(clock, async (count) => {
    for (let i = 0; i < count; i++) backend.run(layers[next++ % layerCount]!.ops[1]!);
    await backend.submit({ value: 1 });
  });
  backend.dispose();
  const multiplications = expertsPerToken * 3 * hiddenSize * expertHiddenSize;
  return {
    name: "8 OLMoE experts, whole: 2 dispatches",
    batch: 1,
    bytes,
    multiplications,
    seconds,
  };
}
