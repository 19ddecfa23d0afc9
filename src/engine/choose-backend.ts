import { hasCode, WebMoEError } from "../api/errors.ts";
import type { BackendChoice } from "../api/options.ts";
import type { Backend } from "../backend/backend.ts";
import { createWasmBackend } from "../backend/wasm/index.ts";
import type { ForwardPlan } from "../model/plan.ts";
import type { Core } from "../wasm/core.ts";
import type { Gpu, Platform } from "./platform.ts";
import { sampledPlan, sampleTrunk, selfTest } from "./self-test.ts";

export interface BackendRequest {
  readonly choice: BackendChoice;
  readonly routing: "auto" | "wasm";
  readonly plan: ForwardPlan;
  readonly core: Core;
  readonly contextLength: number;
  readonly activations: "auto" | "f32" | "int8";
  /** At most so many, on the WASM backend; undefined: the platform's default. */
  readonly threads: number | undefined;
  /** GPUs that passed the self-test on this plan, by name, and how: they are taken so, untested. */
  readonly proven: Map<string, { readonly plain: boolean }>;
  /** Writes the trunk. Called again with another backend if the first one could not be created. */
  readonly fill: (backend: Backend) => Promise<void>;
  readonly onCompile: (done: number, total: number) => void;
}

/**
 * `auto` takes a real GPU and falls back to WASM where there is none, where its backend cannot be created, or where
 * it computes wrongly without optional features too; what was taken is in `info.numerics`. An explicit choice is never
 * replaced. A GPU compiles while the trunk loads.
 *
 * Errors: `invalid-argument` if WebGPU was asked for and is not there or computes wrongly, `out-of-memory`;
 * `device-lost` if the GPU was there and went, so that it may be asked for again; those of `fill`.
 */
export async function chooseBackend(platform: Platform, request: BackendRequest): Promise<Backend> {
  const { choice, plan, contextLength } = request;
  const activations = request.activations === "int8" ? "int8" : "f32";
  const { byDefault, most, start } = platform.threads;
  const wasm = async (): Promise<Backend> => {
    const backend = await createWasmBackend({
      plan,
      compile: platform.compileCompute,
      contextLength,
      activations,
      threads: { count: Math.min(request.threads ?? byDefault, most), start },
    });
    try {
      await request.fill(backend);
      return backend;
    } catch (error) {
      backend.dispose();
      throw error;
    }
  };
  if (choice === "wasm") return wasm();
  const gpu = await platform.requestGpu();
  if (choice === "webgpu" && !gpu)
    throw new WebMoEError(
      "invalid-argument",
      'backend: "webgpu" was asked for, but there is no WebGPU adapter here. Use "auto" or "wasm".',
    );
  if (!gpu || (choice === "auto" && gpu.software)) return wasm();
  // What the source or the user ended is not the GPU's fault; what it refused to hold is.
  let unfilled = false;
  const fill = (backend: Backend): Promise<void> =>
    request.fill(backend).catch((error) => {
      unfilled = !hasCode(error, "out-of-memory");
      throw error;
    });
  try {
    return await rightGpu(platform, { ...request, fill }, gpu);
  } catch (error) {
    if (choice === "webgpu" || unfilled || hasCode(error, "device-lost")) throw error;
    console.warn("WebMoE: the WebGPU backend could not be created; using WebAssembly.", error);
    return wasm();
  }
}

/** A GPU's backend that computes what WASM does, if need be without optional features. */
async function rightGpu(platform: Platform, request: BackendRequest, first: Gpu): Promise<Backend> {
  const { proven } = request;
  const known = proven.get(first.name);
  if (known) return createOn(first, request, known.plain, request.fill);
  let gpu: Gpu | undefined = first;
  let wrong = "";
  for (const plain of [false, true]) {
    // An adapter gives one device.
    gpu ??= await platform.requestGpu();
    if (!gpu) break;
    const { backend, difference } = await createTested(platform, request, gpu, plain);
    if (difference === undefined) {
      proven.set(gpu.name, { plain });
      return backend;
    }
    const { kernels } = backend.numerics;
    backend.dispose();
    wrong = `${gpu.name} computes wrongly (${difference}; kernels: ${kernels.join(", ") || "plain"}).`;
    gpu = undefined;
    if (kernels.length === 0) break;
    console.warn(`WebMoE: ${wrong} Trying it without optional features.`);
  }
  throw new WebMoEError("invalid-argument", `${wrong} Update its driver, or use backend: "wasm".`);
}

function createOn(
  gpu: Gpu,
  { plan, contextLength, routing, activations, onCompile }: BackendRequest,
  plain: boolean,
  fill: (backend: Backend) => Promise<void>,
): Promise<Backend> {
  return gpu.createBackend({
    plan,
    contextLength,
    routing,
    activations: activations === "int8" ? "int8" : "f32",
    plain,
    fill,
    onProgress: onCompile,
  });
}

/** The caller disposes of the backend also if it differs. */
async function createTested(
  platform: Platform,
  request: BackendRequest,
  gpu: Gpu,
  plain: boolean,
): Promise<{ readonly backend: Backend; readonly difference: string | undefined }> {
  const { plan, core, contextLength } = request;
  const sample = sampledPlan(plan);
  const reference = await createWasmBackend({
    plan: sample,
    compile: platform.compileCompute,
    contextLength,
    activations: "f32",
  });
  try {
    const take = sampleTrunk(reference, sample);
    const backend = await createOn(gpu, request, plain, (empty) =>
      request.fill({
        ...empty,
        writeTrunk(tensor, rows) {
          empty.writeTrunk(tensor, rows);
          take(tensor, rows);
        },
      }),
    );
    try {
      const difference = await selfTest({ plan, device: backend, sample, reference, core, contextLength });
      return { backend, difference };
    } catch (error) {
      backend.dispose();
      throw error;
    }
  } finally {
    reference.dispose();
  }
}
