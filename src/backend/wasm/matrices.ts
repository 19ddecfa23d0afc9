import { WebMoEError } from "../../api/errors.ts";
import type { ForwardPlan, TensorSpec } from "../../model/plan.ts";
import { type PackedRows, packedLayout } from "../../model/quantization.ts";
import { COMPUTE_TYPES, type ComputeExports, type Planes } from "../../wasm/compute.ts";
import type { Arena } from "./arena.ts";

/** A packed matrix in the arena, as the kernels take it. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  /** Of COMPUTE_TYPES. */
  readonly type: number;
  readonly planes: Planes;
}

/** What the trunk holds, and one of each of the layers' expert matrices. */
export function tensorsOf({ trunk, layers }: ForwardPlan): TensorSpec[] {
  return [...trunk, ...layers.flatMap(({ moe }) => (moe ? Object.values<TensorSpec>(moe.matrices) : []))];
}

/** Bytes of a packed matrix. */
export function matrixBytes({ type, rows, cols }: TensorSpec): number {
  return packedLayout(type, rows, cols).byteLength;
}

/** The matrix whose packed bytes start at `address`. */
export function matrixAt(address: number, { type, rows, cols }: TensorSpec): Matrix {
  const { planes } = packedLayout(type, rows, cols);
  const plane = (i: number): number => address + (planes[i]?.offset ?? 0);
  return { rows, cols, type: COMPUTE_TYPES[type], planes: [plane(0), plane(1), plane(2), plane(3)] };
}

/** Changes the order of rows where they lie, from `a` and `b` on in their first two planes, to what kernels read. */
export type ArrangeRows = ComputeExports["arrangeRows"];

/** Copies a delivery of rows into each plane of the matrix whose packed bytes start at `address`, and arranges them. */
export function writeRows(
  arena: Arena,
  address: number,
  spec: TensorSpec,
  { rowStart, rowCount, bytes }: PackedRows,
  arrange?: ArrangeRows,
): void {
  const part = packedLayout(spec.type, rowCount, spec.cols);
  if (
    rowStart < 0 ||
    rowCount < 0 ||
    rowStart + rowCount > spec.rows ||
    bytes.byteLength !== part.byteLength
  ) {
    throw new WebMoEError(
      "invalid-argument",
      `Rows [${rowStart}, ${rowStart + rowCount}) in ${bytes.byteLength} bytes do not fit ${spec.name}: it has ` +
        `${spec.rows} rows, and ${rowCount} of them take ${part.byteLength} bytes.`,
    );
  }
  const [a = 0, b = 0] = packedLayout(spec.type, spec.rows, spec.cols).planes.map(
    ({ offset, rowBytes }, plane) => {
      const to = address + offset + rowStart * rowBytes;
      const from = part.planes[plane]!.offset;
      const length = rowCount * rowBytes;
      arena.bytes(to, length).set(bytes.subarray(from, from + length));
      return to;
    },
  );
  arrange?.(COMPUTE_TYPES[spec.type], a, b, spec.cols, rowCount);
}
