// compute.wasm: the arithmetic of the CPU backend. Memory comes from the host, which lays it out; nothing here
// allocates, and the only state is the address of the half table. All activations are f32, row-major; pointers and
// strides are bytes, counts are elements. Ranges (start, end) let several instances share a kernel's work.
//
// Helpers that take or give v128 are inlined by the optimiser (-Ospeed), which is what makes them free: the warning
// about exchanging v128 does not concern them. A helper that grows too large for that shows in a benchmark only.
export { attention, attentionScratchBytes } from "./attention";
export { combine } from "./combine";
export { embed } from "./embed";
export { gatherRows, scatterRows, siluMul } from "./experts";
export { arrangeRows } from "./int8/arrange";
export { quantizeRows } from "./int8/quantize";
export { quantizedRowBytes } from "./int8/units";
export { runJob } from "./job";
export { pageBytes as kvPageBytes } from "./kv";
export { linear, linearScratchBytes } from "./linear";
export { rmsNorm } from "./norm";
export { fillHalfTable, useHalfTable } from "./quant/f16";
export { fillRope, ropeCache } from "./rope";

// The first byte that the host may use: constants of the math library lie below.
export function heapBase(): usize {
  return __heap_base;
}
