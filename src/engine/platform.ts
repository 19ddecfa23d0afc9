import type { ModelSource } from "../api/options.ts";
import type { Backend } from "../backend/backend.ts";
import type { StartHelper } from "../backend/wasm/threads/pool.ts";
import type { OpenedModel, OpenModelOptions } from "../experts/identity.ts";
import type { PartStore } from "../experts/store/store.ts";
import type { ForwardPlan } from "../model/plan.ts";
import type { ComputeBuild } from "../wasm/compute-builds.ts";
import type { Core } from "../wasm/core.ts";

export interface GpuBackendOptions {
  readonly plan: ForwardPlan;
  readonly contextLength: number;
  readonly routing: "auto" | "wasm";
  /** `int8` where the GPU can; `numerics` says what runs. */
  readonly activations: "f32" | "int8";
  /** Without kernels for optional features. */
  readonly plain: boolean;
  /** Writes the trunk, while the backend gets ready otherwise. */
  readonly fill: (backend: Backend) => Promise<void>;
  readonly onProgress: (done: number, total: number) => void;
}

/** A usable GPU. */
export interface Gpu {
  /** Vendor, architecture and description of the adapter. */
  readonly name: string;
  /** True for SwiftShader and its like: slower than the WASM backend, so only taken when asked for. */
  readonly software: boolean;
  createBackend(options: GpuBackendOptions): Promise<Backend>;
}

/** Helper threads for the WASM backend. */
export interface ThreadSupport {
  readonly byDefault: number;
  /** 1 where memory cannot be shared. */
  readonly most: number;
  readonly start: StartHelper;
}

/** What the engine needs of the place it runs in: a worker in a browser, or Node. */
export interface Platform {
  readonly deviceMemoryBytes: number;
  compileCore(): Promise<WebAssembly.Module>;
  compileCompute(build: ComputeBuild): Promise<WebAssembly.Module>;
  readonly threads: ThreadSupport;
  requestGpu(): Promise<Gpu | undefined>;
  openStore(kind: "indexeddb" | "memory" | undefined): Promise<PartStore>;
  openModel(source: ModelSource, options: OpenRequest): Promise<OpenedModel>;
}

/** `fresh` takes the files as they are now, whatever is stored. */
export interface OpenRequest extends Required<Pick<OpenModelOptions, "store" | "fresh" | "splitCount">> {
  readonly core: Core;
  readonly signal: AbortSignal | undefined;
  readonly hubToken: string | undefined;
}
