// @ts-check
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * What a case may add to the process beyond twice its file: the engine's own buffers (rows of activations, the
 * table of halves, two modules and their first pages) and what V8 takes to compile and to be lazy about garbage.
 * A file that makes the engine believe a false size asks for gigabytes.
 */
export const ENGINE_BYTES = 96 * 1024 * 1024;

/** Frees what a case held. WebAssembly memories are large, and V8 sees only their small handles. */
export function garbageCollector() {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  if (typeof collect !== "function") throw new Error("This Node cannot be told to collect garbage.");
  return () => collect();
}

/**
 * Bytes that `work` added to the process at its peak, undefined where an earlier peak hides it (it added less,
 * then). Physical memory: what is reserved and never touched costs nothing.
 * @template T @param {() => Promise<T>} work
 * @returns {Promise<{ result: T, addedBytes: number | undefined }>}
 */
export async function withPeak(work) {
  const peakBefore = peakBytes();
  const before = process.memoryUsage.rss();
  const result = await work();
  const peak = peakBytes();
  return { result, addedBytes: peak > peakBefore ? peak - before : undefined };
}

const peakBytes = () => process.resourceUsage().maxRSS * 1024;
