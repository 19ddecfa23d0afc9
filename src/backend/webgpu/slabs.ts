import { WebMoEError } from "../../api/errors.ts";
import { EXPERT_MATRICES, type ExpertMatrix, type ForwardPlan, type MoeSpec } from "../../model/plan.ts";
import { type PackedRows, packedLayout } from "../../model/quantization.ts";
import { ABSENT } from "../backend.ts";
import type { Cell, Gpu } from "./device.ts";
import { checkRows, checkWidth, writeRows } from "./matrices.ts";
import type { RecordShape } from "./products.ts";

/** Buffers that a kernel can choose a slot from. */
const MAX_PIECES = 4;

const RECORD_ALIGNMENT = 256;

/** The slots of one layer: records one after the other, cut into pieces by the binding limit. */
export interface Slab {
  readonly record: RecordShape;
  /** Pieces that all experts together would take: kernels exist for 1 … maxPieces. */
  readonly maxPieces: number;
  /** Grows and shrinks with the slots. */
  readonly pieces: readonly Cell[];
  /** `[expertCount]` slot or ABSENT. */
  readonly table: Cell;
}

export interface Slabs {
  readonly byteLength: number;
  /** Undefined for a dense layer. */
  layer(index: number): Slab | undefined;
  slotBytes(layer: number): number;
  /** Rejects with `out-of-memory`; there are no slots then. */
  allocate(counts: Uint32Array): Promise<void>;
  write(layer: number, slot: number, matrix: ExpertMatrix, rows: PackedRows): void;
  writeTable(layer: number, table: Uint32Array): void;
}

interface OwnedSlab extends Slab {
  pieces: Cell[];
  slotCount: number;
}

function layOutRecord(gpu: Gpu, layer: number, expertCount: number, { matrices }: MoeSpec): RecordShape {
  const { gate, up, down } = matrices;
  for (const matrix of EXPERT_MATRICES) checkWidth(matrices[matrix].name, matrices[matrix]);
  const bytes = (matrix: ExpertMatrix): number =>
    packedLayout(matrices[matrix].type, matrices[matrix].rows, matrices[matrix].cols).byteLength;
  const offsets = { gate: 0, up: bytes("gate"), down: bytes("gate") + bytes("up") };
  const byteLength = Math.ceil((offsets.down + bytes("down")) / RECORD_ALIGNMENT) * RECORD_ALIGNMENT;
  const slotsPerPiece = Math.min(Math.floor(gpu.maxBindingBytes / byteLength), expertCount);
  if (slotsPerPiece === 0)
    throw new WebMoEError(
      "out-of-memory",
      `An expert of layer ${layer} takes ${byteLength} bytes; the GPU's largest buffer is ${gpu.maxBindingBytes} bytes.`,
    );
  return { gate, up, down, offsets, byteLength, slotsPerPiece };
}

/** Slot tables exist from the start, slots from `allocate` on. Call inside `gpu.allocating`. */
export function createSlabs(gpu: Gpu, plan: ForwardPlan): Slabs {
  const { queue } = gpu.device;
  const slabs = plan.layers.map(({ index, moe }): OwnedSlab | undefined => {
    if (!moe) return undefined;
    const { expertCount } = moe.router;
    const record = layOutRecord(gpu, index, expertCount, moe);
    return {
      record,
      maxPieces: Math.min(MAX_PIECES, Math.ceil(expertCount / record.slotsPerPiece)),
      pieces: [],
      slotCount: 0,
      table: gpu.storage(`slot table ${index}`, expertCount * 4),
    };
  });
  const expertCounts = plan.layers.map(({ moe }) => moe?.router.expertCount ?? 0);

  function owned(layer: number): OwnedSlab {
    const slab = slabs[layer];
    if (!slab) throw new WebMoEError("invalid-argument", `Layer ${layer} has no routed experts.`);
    return slab;
  }

  function release(): void {
    slabs.forEach((slab, layer) => {
      if (!slab) return;
      slab.pieces.forEach(gpu.destroy);
      slab.pieces = [];
      slab.slotCount = 0;
      queue.writeBuffer(slab.table.buffer, 0, new Uint32Array(expertCounts[layer]!).fill(ABSENT));
    });
  }

  function allocateLayer(slab: OwnedSlab, layer: number, count: number): void {
    const { byteLength, slotsPerPiece } = slab.record;
    if (count > slotsPerPiece * MAX_PIECES)
      throw new WebMoEError(
        "out-of-memory",
        `Layer ${layer}: ${count} slots of ${byteLength} bytes do not fit ${MAX_PIECES} buffers of ${gpu.maxBindingBytes} bytes; at most ${slotsPerPiece * MAX_PIECES} do. Lower expertBudget.`,
      );
    for (let slot = 0; slot < count; slot += slotsPerPiece) {
      const slots = Math.min(slotsPerPiece, count - slot);
      slab.pieces.push(gpu.storage(`experts ${layer}.${slab.pieces.length}`, slots * byteLength));
    }
    slab.slotCount = count;
  }

  release();
  return {
    get byteLength() {
      return slabs.reduce((sum, slab) => sum + (slab ? slab.slotCount * slab.record.byteLength : 0), 0);
    },
    layer: (index) => slabs[index],
    slotBytes: (layer) => slabs[layer]?.record.byteLength ?? 0,

    async allocate(counts) {
      release();
      try {
        await gpu.allocating("the expert slots", () => {
          slabs.forEach((slab, layer) => {
            // More slots than experts would never fill.
            if (slab) allocateLayer(slab, layer, Math.min(counts[layer] ?? 0, expertCounts[layer]!));
          });
        });
      } catch (error) {
        release();
        throw error;
      }
    },

    write(layer, slot, matrix, rows) {
      const { record, pieces, slotCount } = owned(layer);
      if (slot >= slotCount)
        throw new WebMoEError(
          "invalid-argument",
          `Layer ${layer} has ${slotCount} slots, not a slot ${slot}.`,
        );
      const shape = record[matrix];
      const source = { bytes: rows.bytes, layout: checkRows(`${matrix} of layer ${layer}`, shape, rows) };
      const { buffer } = pieces[Math.floor(slot / record.slotsPerPiece)]!;
      const base = (slot % record.slotsPerPiece) * record.byteLength + record.offsets[matrix];
      const layout = packedLayout(shape.type, shape.rows, shape.cols);
      writeRows(queue, { buffer, base, layout }, rows.rowStart, source, 0, rows.rowCount);
    },

    writeTable(layer, table) {
      const slab = owned(layer);
      if (table.length !== expertCounts[layer])
        throw new WebMoEError(
          "invalid-argument",
          `A slot table of ${table.length} entries for ${expertCounts[layer]} experts.`,
        );
      queue.writeBuffer(slab.table.buffer, 0, table as Uint32Array<ArrayBuffer>);
    },
  };
}
