import type { ForwardPlan } from "../../model/plan.ts";
import { type ComputeExports, KV_PAGE_POSITIONS } from "../../wasm/compute.ts";
import type { Arena } from "./arena.ts";

/** Keys and values of all layers, in pages that are allocated as positions need them. */
export interface KvCache {
  /** Makes every position below `positions` writable. Errors: `out-of-memory`. */
  reserve(positions: number): void;
  /** Address of the layer's page table: page addresses, u32 each. */
  pageTable(layer: number): number;
  /** Bytes of pages allocated so far. */
  byteLength(): number;
}

export function createKvCache(
  { layerCount, kvHeadCount, headDim }: ForwardPlan["hyperparameters"],
  options: { readonly compute: ComputeExports; readonly arena: Arena; readonly contextLength: number },
): KvCache {
  const { compute, arena, contextLength } = options;
  const pageBytes = compute.kvPageBytes(kvHeadCount, headDim);
  const tableLength = Math.ceil(contextLength / KV_PAGE_POSITIONS);
  const tables = arena.allocate(layerCount * tableLength * 4, "KV page tables");
  const pageTable = (layer: number): number => tables + layer * tableLength * 4;
  let pageCount = 0;
  return {
    reserve(positions) {
      for (const needed = Math.ceil(positions / KV_PAGE_POSITIONS); pageCount < needed; pageCount++) {
        const pages = arena.allocate(layerCount * pageBytes, "KV cache");
        for (let layer = 0; layer < layerCount; layer++) {
          arena.words(pageTable(layer), tableLength)[pageCount] = pages + layer * pageBytes;
        }
      }
    },
    pageTable,
    byteLength: () => pageCount * layerCount * pageBytes,
  };
}
