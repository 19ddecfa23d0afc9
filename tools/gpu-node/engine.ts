/**
 * The engine in Node on a GPU: Dawn for Node (the `webgpu` package) over whatever Vulkan driver there is, lavapipe
 * where there is none. The same WebGPU backend as in the page, without a browser around it, for conformance runs
 * that would take a software-rendering browser hours.
 */
import { create, globals } from "webgpu";
import type { Model } from "../../src/api/model.ts";
import type { LoadOptions, ModelSource } from "../../src/api/options.ts";
import { adapterName } from "../../src/backend/webgpu/adapter.ts";
import { createWebGpuBackend } from "../../src/backend/webgpu/index.ts";
import { loadModel } from "../../src/engine/engine.ts";
import { nodePlatform } from "../../src/engine/node-platform.ts";
import type { Gpu } from "../../src/engine/platform.ts";

Object.assign(globalThis, globals);
const instance = create([]);

async function requestGpu(): Promise<Gpu | undefined> {
  const adapter = await instance.requestAdapter();
  if (!adapter) return undefined;
  const createBackend: Gpu["createBackend"] = ({ plain, ...options }) =>
    createWebGpuBackend({ ...options, adapter, constraints: plain ? { features: [] } : {} });
  return { name: adapterName(adapter), software: false, createBackend };
}

export { WebMoEError } from "../../src/api/errors.ts";

export const WebMoE = {
  load: (source: ModelSource, options: LoadOptions = {}): Promise<Model> =>
    loadModel(source, options, { ...nodePlatform(), requestGpu }),
};
