import type { ForwardPlan } from "../../model/plan.ts";
import { compileWasmFile } from "../../wasm/compile-node.ts";
import { HALF_TABLE_BYTES, instantiateCompute } from "../../wasm/compute.ts";
import { type ComputeBuild, computeUrl } from "../../wasm/compute-builds.ts";
import type { Backend } from "../backend.ts";
import { createArena, createSharedMemory } from "./arena.ts";
import { createWasmBackend } from "./index.ts";
import type { StartHelper } from "./threads/pool.ts";
import { startNodeHelper } from "./threads/start-node.ts";

const compiled = compileWasmFile(computeUrl({ shared: false, relaxed: false }));

/** compute.wasm, compiled once a test file. */
export function computeModule(): Promise<WebAssembly.Module> {
  return compiled;
}

/** A CPU backend for a test's plan. */
export async function makeBackend(plan: ForwardPlan, contextLength = 512): Promise<Backend> {
  return createWasmBackend({ plan, compile: computeModule, contextLength });
}

/** One that rounds what enters products with quantised weights, in the build without relaxed SIMD. */
export async function makeInt8Backend(plan: ForwardPlan): Promise<Backend> {
  const compile = (): Promise<WebAssembly.Module> => compiled;
  return createWasmBackend({ plan, compile, contextLength: 512, activations: "int8" });
}

/** One that computes on `count` threads, if `start` can start them. */
export async function makeThreadedBackend(
  plan: ForwardPlan,
  count: number,
  start: StartHelper = startNodeHelper,
  activations: "f32" | "int8" = "f32",
): Promise<Backend> {
  const compile = (build: ComputeBuild) => (build.shared ? compileWasmFile(computeUrl(build)) : compiled);
  return createWasmBackend({ plan, compile, contextLength: 512, threads: { count, start }, activations });
}

/** The build for shared memory on an arena of its own, and what a helper needs to join it. */
export async function startSharedCompute() {
  const memory = createSharedMemory();
  if (!memory) throw new Error("no shared memory here");
  const module = await compileWasmFile(computeUrl({ shared: true, relaxed: false }));
  const compute = await instantiateCompute(module, memory);
  const arena = createArena(memory, compute.heapBase());
  const halfTable = arena.allocate(HALF_TABLE_BYTES, "the table of halves");
  compute.fillHalfTable(halfTable);
  compute.useHalfTable(halfTable);
  return { module, memory, compute, arena, halfTable };
}
