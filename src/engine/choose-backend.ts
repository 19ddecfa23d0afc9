import { type ErrorCode, WebMoEError } from "../api/errors.ts";
import type { BackendChoice } from "../api/options.ts";
import type { Backend } from "../backend/backend.ts";
import { createWasmBackend } from "../backend/wasm/index.ts";
import type { ForwardPlan } from "../model/plan.ts";
import type { Platform } from "./platform.ts";

export interface BackendRequest {
  readonly choice: BackendChoice;
  readonly routing: "auto" | "wasm";
  readonly plan: ForwardPlan;
  readonly contextLength: number;
  readonly activations: "auto" | "f32" | "int8";
  /** At most so many, on the WASM backend; undefined: the platform's default. */
  readonly threads: number | undefined;
  /** Writes the trunk. Called again with another backend if the first one could not be created. */
  readonly fill: (backend: Backend) => Promise<void>;
  readonly onCompile: (done: number, total: number) => void;
}

/**
 * `auto` takes a real GPU and falls back to WASM where there is none, or where its backend cannot be created; what
 * was taken is in `info.numerics`. An explicit choice is never replaced. A GPU compiles while the trunk loads.
 *
 * Errors: `invalid-argument` if WebGPU was asked for and is not there, `out-of-memory`; `device-lost` if the GPU was
 * there and went, so that it may be asked for again; those of `fill`.
 */
export async function chooseBackend(platform: Platform, request: BackendRequest): Promise<Backend> {
  const { choice, routing, plan, contextLength, onCompile } = request;
  const { byDefault, most, start } = platform.threads;
  const wasm = async (): Promise<Backend> => {
    const backend = await createWasmBackend({
      plan,
      compile: platform.compileCompute,
      contextLength,
      activations: request.activations === "int8" ? "int8" : "f32",
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
    return await gpu.createBackend({ plan, contextLength, routing, fill, onProgress: onCompile });
  } catch (error) {
    if (choice === "webgpu" || unfilled || hasCode(error, "device-lost")) throw error;
    console.warn("WebMoE: the WebGPU backend could not be created; using WebAssembly.", error);
    return wasm();
  }
}

const hasCode = (error: unknown, code: ErrorCode): boolean =>
  error instanceof WebMoEError && error.code === code;
