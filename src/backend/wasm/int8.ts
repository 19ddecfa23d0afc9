/**
 * The int8 profile: what enters a product with quantised weights is rounded to bytes, 32 numbers a scale, and the
 * product is one of integers (`asm/compute/int8`). Everything else is as in the exact profile.
 */
import type { ForwardPlan, TensorSpec } from "../../model/plan.ts";
import { QUANT_TYPES, type QuantName } from "../../model/quantization.ts";
import { COMPUTE_TYPES, type ComputeExports, INT8_ACTIVATIONS } from "../../wasm/compute.ts";
import type { Kernels } from "./threads/kernels.ts";

/** compute.wasm's numbers for the encodings that have codes and scales. */
const QUANTIZED: ReadonlySet<number> = new Set(
  (Object.keys(QUANT_TYPES) as QuantName[])
    .filter((name) => QUANT_TYPES[name].blockSize > 1)
    .map((name) => COMPUTE_TYPES[name]),
);

/** Each encoding and width of the plan's quantised matrices. */
function quantizedMatrices({ trunk, layers }: ForwardPlan) {
  const experts = layers.flatMap(({ moe }) => (moe ? Object.values<TensorSpec>(moe.matrices) : []));
  return [...trunk, ...experts]
    .map(({ type, cols }) => ({ type: COMPUTE_TYPES[type], cols }))
    .filter(({ type }) => QUANTIZED.has(type));
}

/** False for a model of plain floats, on which both profiles are the same. */
export function hasQuantizedWeights(plan: ForwardPlan): boolean {
  return quantizedMatrices(plan).length > 0;
}

/** Bytes of the widest row that enters a product with quantised weights, once it is rounded. */
export function quantizedRowBytes(plan: ForwardPlan, compute: ComputeExports): number {
  const bytes = quantizedMatrices(plan).map(({ type, cols }) => compute.quantizedRowBytes(type, cols));
  return Math.max(0, ...bytes);
}

/** `exact`, except for products with quantised weights. Rows of x are quantised at `scratch` by the calling thread. */
export function int8Kernels(exact: Kernels, compute: ComputeExports, scratch: number): Kernels {
  return {
    ...exact,
    linear(matrix, product) {
      const { type, cols } = matrix;
      if (!QUANTIZED.has(type)) return exact.linear(matrix, product);
      const xStride = compute.quantizedRowBytes(type, cols);
      compute.quantizeRows(type, product.x, cols, product.rows, scratch, xStride);
      exact.linear({ ...matrix, type: type | INT8_ACTIVATIONS }, { ...product, x: scratch, xStride });
    },
  };
}
