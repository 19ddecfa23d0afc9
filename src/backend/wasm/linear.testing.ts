import type { ForwardPlan, LinearOp } from "../../model/plan.ts";
import { QUANT_TYPES, type QuantName } from "../../model/quantization.ts";
import type { Backend } from "../backend.ts";
import { opPlan } from "../testing/plans.ts";
import { runOps } from "../testing/run.ts";
import { allRows, type PackedTensor } from "../testing/tensors.ts";

/**
 * [outputs, columns] on both sides of every edge of the kernels: odd outputs, a lone block, whole units of 64 and 128
 * columns and what is left of one, beyond a panel of 512.
 */
export function edgeShapes(type: QuantName): readonly (readonly [number, number])[] {
  if (QUANT_TYPES[type].blockSize === 256)
    return [
      [1, 256],
      [17, 512],
      [9, 1280],
    ];
  return [
    [1, 32],
    [5, 96],
    [16, 160],
    [33, 512],
    [9, 1120],
  ];
}

/** A function that computes one linear op with `tensors` as its weights, on a backend that `make` gives. */
export async function makeLinear(
  make: (plan: ForwardPlan) => Promise<Backend>,
  tensors: readonly PackedTensor[],
  extras: { residual?: boolean; biases?: readonly PackedTensor[]; scale?: number } = {},
) {
  const { residual = false, biases = [], scale } = extras;
  const cols = tensors[0]!.cols;
  const width = tensors.reduce((sum, { rows }) => sum + rows, 0);
  const trunk = tensors.map(({ rows, type }, i) => ({ name: `w${i}`, rows, cols, type }));
  const vectors = biases.map((bias, i) => ({ name: `b${i}`, rows: 1, cols: bias.cols, type: bias.type }));
  const plan = opPlan({
    trunk: [...trunk, ...vectors],
    values: [
      { name: "x", width: cols, rows: "batch", kind: "scratch" },
      { name: "residual", width, rows: "batch", kind: "scratch" },
      { name: "out", width, rows: "batch", kind: "scratch" },
    ],
  });
  const backend = await make(plan);
  trunk.forEach((spec, i) => {
    backend.writeTrunk(spec, allRows(tensors[i]!));
  });
  vectors.forEach((spec, i) => {
    backend.writeTrunk(spec, allRows(biases[i]!));
  });
  const op: LinearOp = {
    kind: "linear",
    x: 0,
    weights: trunk.map(({ name }) => name),
    out: 2,
    ...(biases.length > 0 && { biases: vectors.map(({ name }) => name) }),
    ...(scale !== undefined && { scale }),
    ...(residual && { residual: 1 }),
  };
  return (x: Float32Array, residuals = new Float32Array(0)) =>
    runOps(backend, plan, { ops: [op], rows: x.length / cols, inputs: { x, residual: residuals }, out: 2 });
}
