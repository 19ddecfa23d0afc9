import type { Backend } from "../../src/backend/backend.ts";
import { createWasmBackend } from "../../src/backend/wasm/index.ts";
import type { QuantName } from "../../src/model/quantization.ts";
import type { ComputeBuild } from "../../src/wasm/compute-builds.ts";
import { computeUrl } from "../../src/wasm/compute-builds.ts";
import {
  cycledPlan,
  packedBytes,
  randomInputs,
  randomRows,
  SHAPES,
  type Shape,
  shapeName,
} from "./shapes.ts";

export interface KernelRow {
  readonly name: string;
  /** Rows of activations that are multiplied at a time. */
  readonly batch: number;
  readonly bytes: number;
  readonly multiplications: number;
  /** Seconds a call, by sample. */
  readonly seconds: readonly number[];
}

const BATCHES = [1, 128];
const SAMPLES = 5;
/** A sample runs at least this long, so that the clock's grain does not show. */
const SAMPLE_SECONDS = 0.04;
/** Compilers replace slow first code while it runs. */
const WARM_SECONDS = 0.15;

const now = (): number => performance.now() / 1000;

async function compile(build: ComputeBuild): Promise<WebAssembly.Module> {
  const url = computeUrl(build);
  if (typeof document === "undefined")
    return (await import("../../src/wasm/compile-node.ts")).compileWasmFile(url);
  return (await import("../../src/wasm/compile.ts")).compileWasm(url);
}

/** Seconds a call, over calls that take at least SAMPLE_SECONDS together. */
function sample(call: () => void): number {
  const began = now();
  let calls = 0;
  do {
    call();
    calls++;
  } while (now() - began < SAMPLE_SECONDS);
  return (now() - began) / calls;
}

function warm(call: () => void): void {
  const began = now();
  do call();
  while (now() - began < WARM_SECONDS);
}

/** Bytes/s that a plain loop of SIMD loads reads, by sample; `read` is read.wat. */
export async function wasmBandwidth(read: Uint8Array<ArrayBuffer>, megabytes: number): Promise<number[]> {
  const bytes = megabytes * 2 ** 20;
  const memory = new WebAssembly.Memory({ initial: 1 + bytes / 65536, maximum: 65536 });
  // Untouched pages would all be one page of zeros.
  new Uint32Array(memory.buffer).fill(1);
  const { instance } = await WebAssembly.instantiate(read, { env: { memory } });
  const readAll = instance.exports.read as (at: number, end: number) => number;
  const call = (): void => {
    if (readAll(0, bytes) !== bytes / 4) throw new Error("The sum is wrong.");
  };
  warm(call);
  return Array.from({ length: SAMPLES }, () => bytes / sample(call));
}

/** A call of the kernel that goes to the next copy of the weights each time. */
async function cycling(
  type: QuantName,
  shape: Shape,
  options: { readonly activations: "f32" | "int8"; readonly megabytes: number },
) {
  const copies = Math.ceil((options.megabytes * 2 ** 20) / packedBytes(type, shape));
  const { plan, ops } = cycledPlan(type, shape, copies);
  const { activations } = options;
  const backend: Backend = await createWasmBackend({ plan, compile, contextLength: 128, activations });
  if (backend.numerics.activations !== activations) return undefined;
  const rows = randomRows(type, shape);
  for (const spec of plan.trunk) for (const delivery of rows) backend.writeTrunk(spec, delivery);
  return {
    kernels: backend.numerics.kernels.join(" "),
    async calls(batch: number) {
      const phase = batch === 1 ? "decode" : "prefill";
      await backend.beginPass({ phase, position: 0, tokens: new Uint32Array(batch) });
      backend.writeValue(0, randomInputs(batch, shape));
      let next = 0;
      return (): void => backend.run(ops[next++ % ops.length]!);
    },
  };
}

/** Times every shape of one type with both kinds of activations in turn; those that a backend lacks are left out. */
export async function wasmKernels(type: QuantName, megabytes: number) {
  const results: Record<string, { kernels: string; rows: KernelRow[] }> = {};
  for (const shape of SHAPES) {
    const profiles = [];
    for (const activations of ["f32", "int8"] as const) {
      const made = await cycling(type, shape, { activations, megabytes });
      if (made) profiles.push({ activations, ...made });
    }
    for (const batch of BATCHES) {
      const timed = [];
      for (const { activations, kernels, calls } of profiles) {
        const call = await calls(batch);
        warm(call);
        timed.push({ activations, kernels, call, seconds: [] as number[] });
      }
      for (let i = 0; i < SAMPLES; i++) for (const { call, seconds } of timed) seconds.push(sample(call));
      for (const { activations, kernels, seconds } of timed) {
        results[activations] ??= { kernels, rows: [] };
        const multiplications = batch * shape.rows * shape.cols;
        const bytes = packedBytes(type, shape);
        results[activations].rows.push({ name: shapeName(shape), batch, bytes, multiplications, seconds });
      }
    }
  }
  return results;
}
