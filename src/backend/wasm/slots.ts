import { WebMoEError } from "../../api/errors.ts";
import { EXPERT_MATRICES, type ExpertMatrix, type LayerPlan, type MoeSpec } from "../../model/plan.ts";
import type { PackedRows } from "../../model/quantization.ts";
import type { Arena } from "./arena.ts";
import { type Matrix, matrixAt, matrixBytes, writeRows } from "./matrices.ts";

/** The expert slots of all layers: each holds one record, its gate, up and down matrices one after the other. */
export interface Slots {
  /** Bytes of one slot; 0 for a dense layer. */
  slotBytes(layer: number): number;
  /** May succeed once. Errors: `out-of-memory`, after which it may be called again with less. */
  allocate(counts: Uint32Array): void;
  write(layer: number, slot: number, matrix: ExpertMatrix, rows: PackedRows): void;
  matrix(layer: number, slot: number, matrix: ExpertMatrix): Matrix;
  /** Bytes of all slots. */
  byteLength(): number;
}

/** Where a record's matrices lie from the start of its slot. */
function recordLayout({ matrices }: MoeSpec): {
  readonly offsets: Readonly<Record<ExpertMatrix, number>>;
  readonly byteLength: number;
} {
  const offsets = { gate: 0, up: 0, down: 0 };
  let byteLength = 0;
  for (const matrix of EXPERT_MATRICES) {
    offsets[matrix] = byteLength;
    byteLength += matrixBytes(matrices[matrix]);
  }
  return { offsets, byteLength };
}

export function createSlots(layers: readonly LayerPlan[], arena: Arena): Slots {
  const records = layers.map(({ moe }) => moe && { moe, ...recordLayout(moe) });
  const slotBytes = (layer: number): number => records[layer]?.byteLength ?? 0;
  /** By layer: address of slot 0, and how many slots there are. */
  let slabs: readonly { readonly address: number; readonly count: number }[] | undefined;
  let byteLength = 0;

  const locate = (layer: number, slot: number, matrix: ExpertMatrix) => {
    const record = records[layer];
    const slab = slabs?.[layer];
    if (!record || !slab || slot >= slab.count) {
      throw new WebMoEError(
        "invalid-argument",
        `Layer ${layer} has no slot ${slot}: it has ${slab?.count ?? 0} slots.`,
      );
    }
    const address = slab.address + slot * record.byteLength + record.offsets[matrix];
    return { address, spec: record.moe.matrices[matrix] };
  };

  return {
    slotBytes,
    allocate(counts) {
      if (slabs) {
        throw new WebMoEError(
          "invalid-argument",
          "Slots are allocated once a load; this model has its slots already.",
        );
      }
      const total = layers.reduce((sum, _, layer) => sum + (counts[layer] ?? 0) * slotBytes(layer), 0);
      let address = arena.allocate(total, "expert slots");
      slabs = layers.map((_, layer) => {
        const slab = { address, count: slotBytes(layer) > 0 ? (counts[layer] ?? 0) : 0 };
        address += slab.count * slotBytes(layer);
        return slab;
      });
      byteLength = total;
    },
    write(layer, slot, matrix, rows) {
      const { address, spec } = locate(layer, slot, matrix);
      writeRows(arena, address, spec, rows);
    },
    matrix(layer, slot, matrix) {
      const { address, spec } = locate(layer, slot, matrix);
      return matrixAt(address, spec);
    },
    byteLength: () => byteLength,
  };
}
