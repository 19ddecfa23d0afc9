import computeUrl from "../../../asm/compute/index.ts?asc";
import type { ForwardPlan } from "../../model/plan.ts";
import { compileWasmFile } from "../../wasm/compile-node.ts";
import type { Backend } from "../backend.ts";
import { createWasmBackend } from "./index.ts";

const compiled = compileWasmFile(computeUrl);

/** compute.wasm, compiled once a test file. */
export function computeModule(): Promise<WebAssembly.Module> {
  return compiled;
}

/** A CPU backend for a test's plan. */
export async function makeBackend(plan: ForwardPlan, contextLength = 512): Promise<Backend> {
  return createWasmBackend({ plan, module: await compiled, contextLength });
}
