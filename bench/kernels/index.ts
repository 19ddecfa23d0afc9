/**
 * Single kernels, timed through the backends as the engine calls them, on weights that are cycled through more memory
 * than any cache holds. The same bundle runs in a page and in Node.
 */

export { wasmBandwidth, wasmKernels } from "./wasm.ts";
export { gpuFloor, gpuKernels } from "./webgpu.ts";
