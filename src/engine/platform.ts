import type { ModelSource } from "../api/options.ts";
import type { Backend } from "../backend/backend.ts";
import type { OpenedModel, OpenModelOptions } from "../experts/identity.ts";
import type { PartStore } from "../experts/store/store.ts";
import type { ForwardPlan } from "../model/plan.ts";
import type { Core } from "../wasm/core.ts";

export interface GpuBackendOptions {
  readonly plan: ForwardPlan;
  readonly contextLength: number;
  readonly routing: "auto" | "wasm";
  readonly onProgress: (done: number, total: number) => void;
}

/** A usable GPU. */
export interface Gpu {
  /** True for SwiftShader and its like: slower than the WASM backend, so only taken when asked for. */
  readonly software: boolean;
  createBackend(options: GpuBackendOptions): Promise<Backend>;
}

/** What the engine needs of the place it runs in: a worker in a browser, or Node. */
export interface Platform {
  readonly deviceMemoryBytes: number;
  compileCore(): Promise<WebAssembly.Module>;
  compileCompute(): Promise<WebAssembly.Module>;
  requestGpu(): Promise<Gpu | undefined>;
  openStore(kind: "indexeddb" | "memory" | undefined): Promise<PartStore>;
  openModel(source: ModelSource, options: OpenRequest): Promise<OpenedModel>;
}

/** `fresh` takes the files as they are now, whatever is stored. */
export interface OpenRequest extends Required<Pick<OpenModelOptions, "store" | "fresh" | "splitCount">> {
  readonly core: Core;
  readonly signal: AbortSignal | undefined;
}
