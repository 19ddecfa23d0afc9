/**
 * The int8 profile: what enters a product with quantised weights is rounded to bytes, 32 numbers a scale, and the
 * product is one of integers (`asm/compute/int8`). Everything else is as in the exact profile.
 */
import type { ForwardPlan } from "../../model/plan.ts";
import { QUANT_TYPES, type QuantName } from "../../model/quantization.ts";
import { COMPUTE_TYPES, type ComputeExports, INT8_ACTIVATIONS } from "../../wasm/compute.ts";
import { CHUNK_ROWS } from "../backend.ts";
import type { Operands } from "./job.ts";
import type { Kernels } from "./kernels.ts";
import { tensorsOf } from "./matrices.ts";

/** compute.wasm's numbers for the encodings that have codes and scales. */
const QUANTIZED: ReadonlySet<number> = new Set(
  (Object.keys(QUANT_TYPES) as QuantName[])
    .filter((name) => QUANT_TYPES[name].blockSize > 1)
    .map((name) => COMPUTE_TYPES[name]),
);

/** Each encoding and width of the plan's quantised matrices. */
function quantizedMatrices(plan: ForwardPlan) {
  return tensorsOf(plan)
    .map(({ type, cols }) => ({ type: COMPUTE_TYPES[type], cols }))
    .filter(({ type }) => QUANTIZED.has(type));
}

/** False for a model of plain floats, on which both profiles are the same. */
export function hasQuantizedWeights(plan: ForwardPlan): boolean {
  return quantizedMatrices(plan).length > 0;
}

/**
 * Bytes of the quantised inputs of a job. One of trunk products has the same rows for all, in an encoding for each; one
 * of experts has CHUNK_ROWS rows in all, for gates and products.
 */
export function quantizedInputBytes(plan: ForwardPlan, compute: ComputeExports): number {
  const bytes = quantizedMatrices(plan).map(({ type, cols }) => compute.quantizedRowBytes(type, cols));
  const ops = [...plan.prologue, ...plan.layers.flatMap((layer) => layer.ops), ...plan.epilogue];
  const inputs = ops.map((op) => (op.kind === "linear" ? op.weights.length : 0));
  return CHUNK_ROWS * Math.max(2, ...inputs) * Math.max(0, ...bytes);
}

/** `exact`, except for products with quantised weights. Rows of x are quantised at `scratch` by the calling thread. */
export function int8Kernels(exact: Kernels, compute: ComputeExports, scratch: number): Kernels {
  return {
    ...exact,
    products(products) {
      let top = scratch;
      /** By x and encoding: products of a job may share their input. */
      const inputs = new Map<number, number>();
      const quantized = <T extends Operands>(operands: T, rows: number): T => {
        const { matrix, x } = operands;
        const { type, cols } = matrix;
        if (!QUANTIZED.has(type)) return operands;
        const xStride = compute.quantizedRowBytes(type, cols);
        const key = x * INT8_ACTIVATIONS + type;
        let input = inputs.get(key);
        if (input === undefined) {
          input = top;
          top += rows * xStride;
          compute.quantizeRows(type, x, cols, rows, input, xStride);
          inputs.set(key, input);
        }
        return { ...operands, matrix: { ...matrix, type: type | INT8_ACTIVATIONS }, x: input, xStride };
      };
      exact.products(
        products.map((product) => {
          const { gate, rows } = product;
          return { ...quantized(product, rows), ...(gate && { gate: quantized(gate, rows) }) };
        }),
      );
    },
  };
}
