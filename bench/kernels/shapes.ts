import { opPlan } from "../../src/backend/testing/plans.ts";
import { createRandom, packTensor, randomFloats, sliceRows } from "../../src/backend/testing/tensors.ts";
import type { LinearOp, TensorSpec } from "../../src/model/plan.ts";
import { type PackedRows, packedLayout, type QuantName } from "../../src/model/quantization.ts";

/** A matrix [rows, cols] of real models, by what it is. */
export interface Shape {
  readonly what: string;
  readonly rows: number;
  readonly cols: number;
}

export const SHAPES: readonly Shape[] = [
  { what: "OLMoE attention", rows: 2048, cols: 2048 },
  { what: "OLMoE expert, gate or up", rows: 1024, cols: 2048 },
  { what: "OLMoE expert, down", rows: 2048, cols: 1024 },
  { what: "Qwen3-MoE expert, gate or up", rows: 768, cols: 2048 },
  { what: "Mixtral expert, gate or up", rows: 14336, cols: 4096 },
];

export const shapeName = ({ what, rows, cols }: Shape): string => `${what} [${rows}, ${cols}]`;

export const packedBytes = (type: QuantName, { rows, cols }: Shape): number =>
  packedLayout(type, rows, cols).byteLength;

/** A plan of `copies` linear ops of one shape, each on weights of its own, which are to be run in turn. */
export function cycledPlan(type: QuantName, shape: Shape, copies: number) {
  const { rows, cols } = shape;
  const trunk: TensorSpec[] = Array.from({ length: copies }, (_, i) => ({ name: `w${i}`, rows, cols, type }));
  const ops = trunk.map(({ name }): LinearOp => ({ kind: "linear", x: 0, weights: [name], out: 1 }));
  const single = opPlan({
    trunk,
    values: [
      { name: "x", width: cols, rows: "batch", kind: "scratch" },
      { name: "out", width: rows, rows: "batch", kind: "scratch" },
    ],
  });
  // WebGPU compiles the ops that a plan holds.
  return { plan: { ...single, prologue: ops }, ops };
}

/** Rows that are encoded: weights repeat from there on, which no kernel can tell. */
const DISTINCT_ROWS = 64;

/** All rows of a matrix in deliveries, from a few random ones. */
export function randomRows(type: QuantName, { rows, cols }: Shape): PackedRows[] {
  const random = createRandom(rows + cols);
  const distinct = packTensor(type, DISTINCT_ROWS, cols, randomFloats(random, DISTINCT_ROWS * cols, 0.1));
  const deliveries: PackedRows[] = [];
  for (let rowStart = 0; rowStart < rows; rowStart += DISTINCT_ROWS) {
    const rowCount = Math.min(DISTINCT_ROWS, rows - rowStart);
    deliveries.push({ ...sliceRows(distinct, 0, rowCount), rowStart });
  }
  return deliveries;
}

/** Activations of `count` rows. */
export const randomInputs = (count: number, { cols }: Shape): Float32Array =>
  randomFloats(createRandom(cols), count * cols, 1);
