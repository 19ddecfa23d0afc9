import { WebMoEError } from "../../api/errors.ts";
import type { ForwardPlan } from "../../model/plan.ts";
import type { Cell, Gpu } from "./device.ts";

/** Positions that the cache grows by at least. */
const PAGE_POSITIONS = 256;

/** Keys and values of every layer, `[capacity, kvHeadCount · headDim]` f32 each. */
export interface KvCache {
  readonly byteLength: number;
  keys(layer: number): Cell;
  values(layer: number): Cell;
  /** Makes room for `positions`, keeping what is there. Rejects with `out-of-memory`; the cache is then as before. */
  reserve(positions: number): Promise<void>;
}

/** A cache of one page; call inside `gpu.allocating`. */
export function createKvCache(gpu: Gpu, plan: ForwardPlan, contextLength: number): KvCache {
  const { layerCount, kvHeadCount, headDim } = plan.hyperparameters;
  const rowBytes = kvHeadCount * headDim * 4;
  const pages = (positions: number): number => Math.ceil(positions / PAGE_POSITIONS) * PAGE_POSITIONS;
  const most = pages(contextLength);
  if (most * rowBytes > gpu.device.limits.maxStorageBufferBindingSize)
    throw new WebMoEError(
      "out-of-memory",
      `A context of ${contextLength} positions takes ${most * rowBytes} bytes of keys a layer; the GPU's largest buffer holds ${Math.floor(gpu.device.limits.maxStorageBufferBindingSize / rowBytes / PAGE_POSITIONS) * PAGE_POSITIONS} positions. Lower contextLength.`,
    );
  let capacity = Math.min(PAGE_POSITIONS, most);
  const make = (label: string, positions: number): Cell => gpu.storage(label, positions * rowBytes);
  const layers = plan.layers.length || layerCount;
  const cells = ["keys", "values"].map((kind) =>
    Array.from({ length: layers }, (_, layer) => make(`${kind} ${layer}`, capacity)),
  );

  return {
    get byteLength() {
      return layers * 2 * capacity * rowBytes;
    },
    keys: (layer) => cells[0]![layer]!,
    values: (layer) => cells[1]![layer]!,

    async reserve(positions) {
      if (positions <= capacity) return;
      // Half as much again, so that a growing context is copied a bounded number of times.
      const grown = Math.min(most, Math.max(pages(positions), pages(capacity * 1.5)));
      const replacements: { cell: Cell; larger: Cell }[] = [];
      try {
        await gpu.allocating(`a KV cache of ${grown} positions`, () => {
          for (const cell of cells.flat())
            replacements.push({ cell, larger: make(cell.buffer.label, grown) });
        });
      } catch (error) {
        for (const { larger } of replacements) gpu.destroy(larger);
        throw error;
      }
      const encoder = gpu.device.createCommandEncoder({ label: "grow KV cache" });
      for (const { cell, larger } of replacements)
        encoder.copyBufferToBuffer(cell.buffer, 0, larger.buffer, 0, capacity * rowBytes);
      gpu.device.queue.submit([encoder.finish()]);
      for (const { cell, larger } of replacements) {
        cell.buffer.destroy();
        cell.buffer = larger.buffer;
      }
      capacity = grown;
    },
  };
}
