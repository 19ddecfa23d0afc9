/** core.wasm for tests, and numbers to try it on. */
import coreUrl from "../../asm/core/index.ts?asc";
import { compileWasmFile } from "./compile-node.ts";
import { type Core, instantiateCore } from "./core.ts";

/** An instance of its own, with nothing in its tables. */
export const loadCore = async (): Promise<Core> => instantiateCore(await compileWasmFile(coreUrl));

/** Deterministic integers in [0, below). */
export function integers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
