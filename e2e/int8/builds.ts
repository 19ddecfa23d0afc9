/** The page of `e2e/int8.spec.ts`: products on int8 activations in the builds with and without relaxed SIMD. */
import type { Backend } from "../../src/backend/backend.ts";
import { createRandom, randomFloats, randomTensor } from "../../src/backend/testing/tensors.ts";
import { createWasmBackend } from "../../src/backend/wasm/index.ts";
import { makeLinear } from "../../src/backend/wasm/linear.testing.ts";
import type { ForwardPlan } from "../../src/model/plan.ts";
import { QUANT_TYPES, type QuantName } from "../../src/model/quantization.ts";
import { compileWasm } from "../../src/wasm/compile.ts";
import { computeUrl } from "../../src/wasm/compute-builds.ts";

export interface Comparison {
  readonly type: QuantName;
  readonly cols: number;
  readonly rows: number;
  /** Outputs whose bits differ, of `outputs`. */
  readonly different: number;
  readonly outputs: number;
}

export interface Report {
  /** `numerics.kernels` of a backend that was left to choose. */
  readonly kernels: readonly string[];
  readonly comparisons: readonly Comparison[];
}

const kernels = new Set<string>();

async function relaxed(plan: ForwardPlan): Promise<Backend> {
  const backend = await createWasmBackend({
    plan,
    compile: (build) => compileWasm(computeUrl(build)),
    contextLength: 128,
    activations: "int8",
  });
  for (const name of backend.numerics.kernels) kernels.add(name);
  return backend;
}

/** Whatever the backend asks for. */
function plain(plan: ForwardPlan): Promise<Backend> {
  const compile = () => compileWasm(computeUrl({ shared: false, relaxed: false }));
  return createWasmBackend({ plan, compile, contextLength: 128, activations: "int8" });
}

/** Every encoding on one row, whose codes are taken out in registers, and on several, for which they are unpacked. */
async function compareBuilds(): Promise<Report> {
  const types = (Object.keys(QUANT_TYPES) as QuantName[]).filter((type) => QUANT_TYPES[type].blockSize > 1);
  const comparisons: Comparison[] = [];
  for (const type of types) {
    const random = createRandom(type.length);
    // Not whole pieces of what a kernel takes at a time, and whole ones.
    for (const cols of [QUANT_TYPES[type].blockSize === 256 ? 768 : 1056, 1024]) {
      const weight = randomTensor(random, type, 21, cols);
      const builds = await Promise.all([relaxed, plain].map((make) => makeLinear(make, [weight])));
      for (const rows of [1, 2, 17]) {
        const x = randomFloats(random, rows * cols, 3);
        x[0] = 1e4;
        x.fill(0, cols - 32, cols);
        const [a, b] = await Promise.all(
          builds.map(async (build) => new Uint32Array((await build(x)).buffer)),
        );
        const different = a!.reduce((count, bits, i) => count + (bits === b![i] ? 0 : 1), 0);
        comparisons.push({ type, cols, rows, different, outputs: a!.length });
      }
    }
  }
  return { kernels: [...kernels], comparisons };
}

declare global {
  interface Window {
    compareBuilds?: typeof compareBuilds;
  }
}

window.compareBuilds = compareBuilds;
