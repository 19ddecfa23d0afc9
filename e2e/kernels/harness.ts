/** Makes backends for tiny plans in a page, and compares what they compute. */
import computeUrl from "../../asm/compute/index.ts?asc";
import coreUrl from "../../asm/core/index.ts?asc";
import type { Backend } from "../../src/backend/backend.ts";
import {
  type PlanWeights,
  randomWeights,
  type TinyShape,
  tinyPlan,
  writeExpert,
  writeTrunk,
} from "../../src/backend/testing/plans.ts";
import { createWasmBackend } from "../../src/backend/wasm/index.ts";
import {
  createWebGpuBackend,
  type DeviceConstraints,
  requestAdapter,
} from "../../src/backend/webgpu/index.ts";
import type { ForwardPlan } from "../../src/model/plan.ts";
import { compileWasm } from "../../src/wasm/compile.ts";
import { type Core, instantiateCore } from "../../src/wasm/core.ts";

/** One thing that was compared: what it should not exceed, and what it was. */
export interface Finding {
  readonly what: string;
  /** For numbers max |difference| / max |value|; for everything else 0 if equal, 1 if not. */
  readonly difference: number;
  /** Where the difference may be larger than a few roundings make it. */
  readonly tolerance?: number;
}

let compute: Promise<WebAssembly.Module> | undefined;
let core: Promise<Core> | undefined;

export function coreInstance(): Promise<Core> {
  core ??= compileWasm(coreUrl).then(instantiateCore);
  return core;
}

export type Activations = "f32" | "int8";

export async function wasmBackend(plan: ForwardPlan, activations: Activations = "f32"): Promise<Backend> {
  compute ??= compileWasm(computeUrl);
  const compiled = compute;
  const { contextLength } = plan.hyperparameters;
  return createWasmBackend({ plan, contextLength, activations, compile: () => compiled });
}

export interface GpuOptions {
  readonly activations?: Activations;
  /** Sees the backend's device before the backend does. */
  readonly onDevice?: (device: GPUDevice) => void;
}

export async function gpuBackend(
  plan: ForwardPlan,
  constraints: DeviceConstraints,
  { activations = "f32", onDevice }: GpuOptions = {},
): Promise<Backend> {
  const found = await requestAdapter();
  if (!found) throw new Error("This browser gives no WebGPU adapter.");
  const { adapter } = found;
  if (onDevice) {
    const { requestDevice } = adapter;
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice.call(adapter, descriptor);
      onDevice(device);
      return device;
    };
  }
  const { contextLength } = plan.hyperparameters;
  return createWebGpuBackend({ plan, contextLength, adapter, routing: "auto", activations, constraints });
}

/** The whole trunk, and expert e of every layer in slot e. */
export async function fill(backend: Backend, plan: ForwardPlan, weights: PlanWeights): Promise<void> {
  const { expertCount } = plan.hyperparameters;
  writeTrunk(backend, plan, weights);
  await backend.allocateSlots(new Uint32Array(plan.layers.length).fill(expertCount));
  for (const { index } of plan.layers) {
    for (let expert = 0; expert < expertCount; expert++)
      writeExpert(backend, weights, { layer: index, expert, slot: expert });
    backend.writeSlotTable(
      index,
      Uint32Array.from({ length: expertCount }, (_, expert) => expert),
    );
  }
}

export interface Twins {
  readonly plan: ForwardPlan;
  readonly gpu: Backend;
  readonly wasm: Backend;
  dispose(): void;
}

/** Both backends with the same weights. */
export async function makeTwins(
  shape: Partial<TinyShape>,
  constraints: DeviceConstraints,
  activations: Activations = "f32",
): Promise<Twins> {
  const plan = tinyPlan(shape);
  const weights = randomWeights(plan, 1);
  const [gpu, wasm] = await Promise.all([
    gpuBackend(plan, constraints, { activations }),
    wasmBackend(plan, activations),
  ]);
  await fill(gpu, plan, weights);
  await fill(wasm, plan, weights);
  return {
    plan,
    gpu,
    wasm,
    dispose() {
      gpu.dispose();
      wasm.dispose();
    },
  };
}

/** max |a − b| / max |b|; infinity where something is not finite or lengths differ. */
export function relativeDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length || a.length === 0) return Number.POSITIVE_INFINITY;
  let largest = 0;
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!Number.isFinite(difference)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(b[i]!));
  }
  // Twins that both compute nothing agree on nothing.
  return largest > 0 ? worst / largest : Number.POSITIVE_INFINITY;
}

/** 0 if equal to the bit, else 1. */
export function bitDifference(a: ArrayBufferView, b: ArrayBufferView): number {
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
    new Uint8Array(buffer, byteOffset, byteLength);
  const other = bytes(b);
  return a.byteLength === b.byteLength && bytes(a).every((byte, i) => byte === other[i]) ? 0 : 1;
}
