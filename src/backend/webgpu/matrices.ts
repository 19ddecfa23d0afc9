import { WebMoEError } from "../../api/errors.ts";
import type { ForwardPlan, LinearOp, Op, TensorSpec } from "../../model/plan.ts";
import {
  type PackedLayout,
  type PackedRows,
  packedLayout,
  type QuantName,
  SEGMENT_ROW_MULTIPLE,
} from "../../model/quantization.ts";
import { createBiases } from "./biases.ts";
import { DECODERS } from "./decoders.ts";
import { type Cell, type Gpu, storageBytes } from "./device.ts";
import type { MatrixShape } from "./kernels.ts";

/** Consecutive rows of a matrix, packed as a matrix of their own in a buffer of their own. */
export interface Piece {
  readonly cell: Cell;
  readonly firstRow: number;
  readonly shape: MatrixShape;
  readonly layout: PackedLayout;
}

/** One or more trunk tensors of equal type and width, one above the other. */
export interface Stack {
  readonly shape: MatrixShape;
  readonly pieces: readonly Piece[];
}

/** The trunk on the device. */
export interface Matrices {
  readonly byteLength: number;
  /** The stack that a tensor lies in, and the row it starts at. */
  locate(name: string): { readonly stack: Stack; readonly firstRow: number };
  /** The stacks whose outputs, one after the other, are the op's. */
  stacksOf(op: LinearOp): readonly Stack[];
  /** The op's biases one after the other, as wide as its output. */
  biasOf(op: LinearOp): Cell | undefined;
  write(tensor: TensorSpec, rows: PackedRows): void;
}

/** Copies packed rows into the planes of a packed matrix that lies at `base` of a buffer, from `firstRow` on. */
export function writeRows(
  queue: GPUQueue,
  target: { readonly buffer: GPUBuffer; readonly base: number; readonly layout: PackedLayout },
  firstRow: number,
  source: { readonly bytes: Uint8Array; readonly layout: PackedLayout },
  sourceRow: number,
  rowCount: number,
): void {
  source.layout.planes.forEach((plane, i) => {
    const to = target.base + target.layout.planes[i]!.offset + firstRow * plane.rowBytes;
    // Writes come in whole words. Only the last rows of a plane can end inside one, and the plane's padding follows.
    const length = Math.ceil((rowCount * plane.rowBytes) / 4) * 4;
    const from = plane.offset + sourceRow * plane.rowBytes;
    queue.writeBuffer(target.buffer, to, source.bytes as Uint8Array<ArrayBuffer>, from, length);
  });
}

/** Refuses rows that are not the tensor's, or that hold fewer bytes than they say. */
export function checkRows(name: string, shape: MatrixShape, rows: PackedRows): PackedLayout {
  const layout = packedLayout(shape.type, rows.rowCount, shape.cols);
  const fits =
    rows.rowStart % SEGMENT_ROW_MULTIPLE === 0 &&
    rows.rowStart + rows.rowCount <= shape.rows &&
    (rows.rowCount % SEGMENT_ROW_MULTIPLE === 0 || rows.rowStart + rows.rowCount === shape.rows) &&
    rows.bytes.byteLength >= layout.byteLength;
  if (!fits)
    throw new WebMoEError(
      "invalid-argument",
      `Rows ${rows.rowStart}…${rows.rowStart + rows.rowCount} (${rows.bytes.byteLength} bytes) do not fit ${name} [${shape.rows}, ${shape.cols}] ${shape.type}.`,
    );
  return layout;
}

/** Kernels read rows by whole spans. */
export function checkWidth(name: string, { type, rows, cols }: MatrixShape): void {
  const { spanElements } = DECODERS[type];
  if (rows > 1 && cols % spanElements !== 0)
    throw new WebMoEError(
      "unsupported-quantization",
      `${name}: rows of ${cols} ${type} elements are not a multiple of ${spanElements} elements. Use the wasm backend.`,
    );
}

/** Whether a further tensor may be put below `rows` rows: every plane must go on at a whole word. */
function stackable(type: QuantName, rows: number, cols: number): boolean {
  return packedLayout(type, rows, cols).planes.every(({ rowBytes }) => (rows * rowBytes) % 4 === 0);
}

/** Groups of tensors that share a stack: consecutive weights of one linear op, of equal type and width. */
function groupTensors(plan: ForwardPlan): TensorSpec[][] {
  const specs = new Map(plan.trunk.map((spec) => [spec.name, spec]));
  const uses = new Map<string, number>();
  const use = (name: string): void => void uses.set(name, (uses.get(name) ?? 0) + 1);
  const ops: readonly Op[] = [...plan.prologue, ...plan.layers.flatMap(({ ops }) => ops), ...plan.epilogue];
  for (const op of ops) {
    if (op.kind === "linear") op.weights.forEach(use);
    if (op.kind === "embed") use(op.weight);
  }
  const groups: TensorSpec[][] = [];
  for (const op of ops) {
    if (op.kind !== "linear") continue;
    let group: TensorSpec[] | undefined;
    for (const name of op.weights) {
      const spec = specs.get(name);
      if (!spec) throw new Error(`The plan declares no tensor ${name}.`);
      // A tensor that another op reads too stays by itself.
      const alone = uses.get(name) !== 1;
      const last = group?.at(-1);
      const rows = group?.reduce((sum, { rows }) => sum + rows, 0) ?? 0;
      const joins =
        !alone &&
        last?.type === spec.type &&
        last.cols === spec.cols &&
        stackable(spec.type, rows, spec.cols);
      if (joins) {
        group!.push(spec);
      } else {
        group = alone ? undefined : [spec];
        if (group) groups.push(group);
      }
    }
  }
  const grouped = new Set(groups.flat());
  const biases = new Set(ops.flatMap((op) => (op.kind === "linear" ? (op.biases ?? []) : [])));
  const rest = plan.trunk.filter((spec) => !grouped.has(spec) && !biases.has(spec.name));
  return [...groups, ...rest.map((spec) => [spec])];
}

/** Lays out the trunk; call inside `gpu.allocating`. */
export function createMatrices(gpu: Gpu, plan: ForwardPlan): Matrices {
  const located = new Map<string, { stack: Stack; firstRow: number }>();
  const stacks: Stack[] = [];
  for (const group of groupTensors(plan)) {
    const { name, type, cols } = group[0]!;
    const shape: MatrixShape = { type, cols, rows: group.reduce((sum, { rows }) => sum + rows, 0) };
    checkWidth(name, shape);
    const stack: Stack = {
      shape,
      pieces: cutIntoPieces(gpu, group.map(({ name }) => name).join("+"), shape),
    };
    stacks.push(stack);
    let firstRow = 0;
    for (const spec of group) {
      located.set(spec.name, { stack, firstRow });
      firstRow += spec.rows;
    }
  }
  const locate: Matrices["locate"] = (name) => {
    const place = located.get(name);
    if (!place) throw new WebMoEError("invalid-argument", `The plan has no trunk tensor ${name}.`);
    return place;
  };
  const biases = createBiases(gpu, plan);
  const pieces = stacks.flatMap((stack) => stack.pieces);
  return {
    byteLength: pieces.reduce((sum, { layout }) => sum + storageBytes(layout.byteLength), biases.byteLength),
    locate,
    biasOf: biases.of,
    stacksOf: ({ weights }) => [...new Set(weights.map((name) => locate(name).stack))],

    write(tensor, rows) {
      const source = { bytes: rows.bytes, layout: checkRows(tensor.name, tensor, rows) };
      if (biases.write(tensor, rows)) return;
      const { stack, firstRow } = locate(tensor.name);
      const start = firstRow + rows.rowStart;
      for (const piece of stack.pieces) {
        const from = Math.max(start, piece.firstRow);
        const to = Math.min(start + rows.rowCount, piece.firstRow + piece.shape.rows);
        if (from >= to) continue;
        const target = { buffer: piece.cell.buffer, base: 0, layout: piece.layout };
        writeRows(gpu.device.queue, target, from - piece.firstRow, source, from - start, to - from);
      }
    },
  };
}

/** Pieces of equal height, as tall as the binding limit allows. */
function cutIntoPieces(gpu: Gpu, label: string, shape: MatrixShape): Piece[] {
  const { type, rows, cols } = shape;
  const fits = (count: number): boolean => packedLayout(type, count, cols).byteLength <= gpu.maxBindingBytes;
  let height = rows;
  if (!fits(rows)) {
    const rowBytes = packedLayout(type, 1, cols).planes.reduce((sum, plane) => sum + plane.rowBytes, 0);
    height = Math.floor(gpu.maxBindingBytes / rowBytes / SEGMENT_ROW_MULTIPLE) * SEGMENT_ROW_MULTIPLE;
    while (height > 0 && !fits(height)) height -= SEGMENT_ROW_MULTIPLE;
    if (height <= 0)
      throw new WebMoEError(
        "out-of-memory",
        `${label}: ${SEGMENT_ROW_MULTIPLE} rows of ${cols} ${type} elements exceed the GPU's largest buffer of ${gpu.maxBindingBytes} bytes.`,
      );
  }
  const pieces: Piece[] = [];
  for (let firstRow = 0; firstRow < rows; firstRow += height) {
    const pieceShape = { type, cols, rows: Math.min(height, rows - firstRow) };
    const layout = packedLayout(type, pieceShape.rows, cols);
    pieces.push({ cell: gpu.storage(label, layout.byteLength), firstRow, shape: pieceShape, layout });
  }
  return pieces;
}
