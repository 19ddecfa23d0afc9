import { WebMoEError } from "../../api/errors.ts";
import type { ForwardPlan, LinearOp, TensorSpec } from "../../model/plan.ts";
import type { PackedRows } from "../../model/quantization.ts";
import { type Cell, type Gpu, storageBytes } from "./device.ts";

/** Biases of linear ops: those of one op lie one after the other, so that its dispatches share one binding. */
export interface Biases {
  readonly byteLength: number;
  of(op: LinearOp): Cell | undefined;
  /** Writes a tensor wherever it is a bias; false if it is none. */
  write(tensor: TensorSpec, rows: PackedRows): boolean;
}

/** Call inside `gpu.allocating`. */
export function createBiases(gpu: Gpu, plan: ForwardPlan): Biases {
  const specs = new Map(plan.trunk.map((spec) => [spec.name, spec]));
  const cells = new Map<LinearOp, Cell>();
  const places = new Map<string, { readonly cell: Cell; readonly offset: number }[]>();
  let byteLength = 0;
  for (const op of [...plan.prologue, ...plan.layers.flatMap((layer) => layer.ops), ...plan.epilogue]) {
    if (op.kind !== "linear" || !op.biases) continue;
    const bytes = plan.values[op.out]!.width * 4;
    const cell = gpu.storage("bias", bytes);
    cells.set(op, cell);
    byteLength += storageBytes(bytes);
    let offset = 0;
    for (const name of op.biases) {
      const spec = specs.get(name);
      if (spec?.type !== "f32")
        throw new WebMoEError("unsupported-quantization", `${name} is ${spec?.type}; biases must be f32.`);
      places.set(name, [...(places.get(name) ?? []), { cell, offset }]);
      offset += spec.cols * 4;
    }
  }
  return {
    byteLength,
    of: (op) => cells.get(op),
    write(tensor, { bytes }) {
      const targets = places.get(tensor.name);
      if (!targets) return false;
      for (const { cell, offset } of targets)
        gpu.device.queue.writeBuffer(
          cell.buffer,
          offset,
          bytes as Uint8Array<ArrayBuffer>,
          0,
          tensor.cols * 4,
        );
      return true;
    },
  };
}
