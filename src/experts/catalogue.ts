import type { PartDirectory } from "./parts.ts";
import { type ExpertPart, type Part, partPrefix, recordParts, trunkParts } from "./segments.ts";

/** A key of an expert's part, behind the model's prefix. */
const EXPERT_KEY = /^expert\/(\d+)\/(\d+)\//;

/** Every part that a model has, in the orders in which they are wanted, and by key. */
export interface Catalogue {
  /** Trunk parts as they follow each other in the files. */
  readonly trunk: readonly Part[];
  /** Undefined in a dense layer, and for an expert that there is not. */
  partsOf(layer: number, expert: number): ExpertPart[] | undefined;
  /** The part of a key, which may come from another tab. */
  partOf(key: string): Part | undefined;
  /** Not a list, as a large model has tens of thousands. */
  everyPart(): Generator<Part>;
  /** The trunk, then layer after layer with whole records together. */
  completionOrder(): Generator<readonly Part[]>;
}

export function createCatalogue(modelKey: string, directory: PartDirectory): Catalogue {
  const { layerCount, expertCount } = directory;
  const prefix = partPrefix(modelKey);
  const trunk = directory.trunk
    .flatMap((location) => trunkParts(modelKey, location))
    .sort((a, b) => a.file - b.file || a.offset - b.offset);
  const trunkByKey = new Map<string, Part>(trunk.map((part) => [part.key, part]));

  function partsOf(layer: number, expert: number): ExpertPart[] | undefined {
    const location = directory.record(layer, expert);
    return location && recordParts(modelKey, location);
  }

  function* layerParts(layer: number): Generator<ExpertPart> {
    for (let expert = 0; expert < expertCount; expert++) yield* partsOf(layer, expert) ?? [];
  }

  return {
    trunk,
    partsOf,
    partOf(key) {
      const [, layer, expert] = EXPERT_KEY.exec(key.slice(prefix.length)) ?? [];
      if (layer === undefined) return trunkByKey.get(key);
      return partsOf(Number(layer), Number(expert))?.find((part) => part.key === key);
    },
    *everyPart() {
      yield* trunk;
      for (let layer = 0; layer < layerCount; layer++) yield* layerParts(layer);
    },
    *completionOrder() {
      yield trunk;
      for (let layer = 0; layer < layerCount; layer++) yield [...layerParts(layer)];
    },
  };
}

export const sumBytes = (parts: readonly { readonly byteLength: number }[]): number =>
  parts.reduce((sum, { byteLength }) => sum + byteLength, 0);

/** Runs of parts of at most `limit` packed bytes; a larger part is alone. */
export function batchesOf<T extends Part>(parts: readonly T[], limit: number): T[][] {
  const batches: T[][] = [];
  let bytes = 0;
  for (const part of parts) {
    bytes += part.byteLength;
    if (batches.length === 0 || bytes > limit) {
      batches.push([]);
      bytes = part.byteLength;
    }
    batches.at(-1)!.push(part);
  }
  return batches;
}
