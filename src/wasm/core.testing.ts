/** core.wasm for tests, and numbers to try it on. */
import coreUrl from "../../asm/core/index.ts?asc";
import { compileWasmFile } from "./compile-node.ts";
import { type Core, instantiateCore } from "./core.ts";

/** An instance of its own, with nothing in its tables. */
export const loadCore = async (): Promise<Core> => instantiateCore(await compileWasmFile(coreUrl));

/** Deterministic uniform numbers in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Deterministic integers in [0, below). */
export function integers(seed: number): (below: number) => number {
  const next = uniform(seed);
  return (below) => Math.floor(next() * below);
}
