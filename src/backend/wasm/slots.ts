import { WebMoEError } from "../../api/errors.ts";
import type { ExpertMatrix, LayerPlan, MoeSpec } from "../../model/plan.ts";
import type { PackedRows } from "../../model/quantization.ts";
import type { Arena } from "./arena.ts";
import { type ArrangeRows, type Matrix, matrixAt, matrixBytes, writeRows } from "./matrices.ts";

/** The expert slots of all layers: each holds one record, its gate, up and down matrices one after the other. */
export interface Slots {
  /** Bytes of one slot; 0 for a dense layer. */
  slotBytes(layer: number): number;
  /**
   * All slots are empty afterwards. Memory cannot be given back, so what is allocated first is the most there can be.
   * Errors: `out-of-memory`, after which it may be called again with less.
   */
  allocate(counts: Uint32Array): void;
  write(layer: number, slot: number, matrix: ExpertMatrix, rows: PackedRows): void;
  matrix(layer: number, slot: number, matrix: ExpertMatrix): Matrix;
  /** Bytes of all slots. */
  byteLength(): number;
}

/** A record's matrices as they lie from the start of its slot. */
function recordLayout(moe: MoeSpec) {
  const place = (matrix: ExpertMatrix, offset: number) => {
    const spec = moe.matrices[matrix];
    return { spec, offset, end: offset + matrixBytes(spec), matrix: matrixAt(offset, spec) };
  };
  const gate = place("gate", 0);
  const up = place("up", gate.end);
  const down = place("down", up.end);
  return { matrices: { gate, up, down }, byteLength: down.end };
}

export function createSlots(layers: readonly LayerPlan[], arena: Arena, arrange?: ArrangeRows): Slots {
  const records = layers.map(({ moe }) => moe && recordLayout(moe));
  const slotBytes = (layer: number): number => records[layer]?.byteLength ?? 0;
  /** By layer: address of slot 0, and how many slots there are. */
  let slabs: readonly { readonly address: number; readonly count: number }[] | undefined;
  let region: { readonly address: number; readonly byteLength: number } | undefined;

  const locate = (layer: number, slot: number, matrix: ExpertMatrix) => {
    const record = records[layer];
    const slab = slabs?.[layer];
    if (!record || !slab || slot >= slab.count) {
      throw new WebMoEError(
        "invalid-argument",
        `Layer ${layer} has no slot ${slot}: it has ${slab?.count ?? 0} slots.`,
      );
    }
    return { address: slab.address + slot * record.byteLength, ...record.matrices[matrix] };
  };

  return {
    slotBytes,
    allocate(counts) {
      const total = layers.reduce((sum, _, layer) => sum + (counts[layer] ?? 0) * slotBytes(layer), 0);
      region ??= { address: arena.allocate(total, "expert slots"), byteLength: total };
      if (total > region.byteLength) {
        throw new WebMoEError(
          "out-of-memory",
          `Slots of ${total} bytes do not fit the ${region.byteLength} bytes that this model has for them.`,
        );
      }
      let { address } = region;
      slabs = layers.map((_, layer) => {
        const slab = { address, count: slotBytes(layer) > 0 ? (counts[layer] ?? 0) : 0 };
        address += slab.count * slotBytes(layer);
        return slab;
      });
    },
    write(layer, slot, name, rows) {
      const { address, offset, spec } = locate(layer, slot, name);
      writeRows(arena, address + offset, spec, rows, arrange);
    },
    matrix(layer, slot, name) {
      const { address, matrix } = locate(layer, slot, name);
      const [a, b, c, d] = matrix.planes;
      return { ...matrix, planes: [address + a, address + b, address + c, address + d] };
    },
    byteLength: () => region?.byteLength ?? 0,
  };
}
