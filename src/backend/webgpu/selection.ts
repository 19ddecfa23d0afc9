/** Routing decisions and waves in the form that kernels read, and the routing log as they leave it. */
import { ABSENT, type Decisions, type Wave } from "../backend.ts";

/** Words of a selection entry: id, weight bits, slot, 0. */
export const SELECTION_WORDS = 4;

const SLOT_WORD = 2;

/** Decisions as a selection. Any slot but ABSENT: waves name the slots themselves, and no rank is skipped. */
export function encodeDecisions({ ids, weights }: Decisions): Uint32Array<ArrayBuffer> {
  const bits = new Uint32Array(weights.buffer, weights.byteOffset, weights.length);
  const selection = new Uint32Array(ids.length * SELECTION_WORDS);
  ids.forEach((id, i) => {
    selection.set([id, bits[i]!, 0, 0], i * SELECTION_WORDS);
  });
  return selection;
}

/** One wave of a decode pass as a selection of `ranks` entries: those that are not in it are skipped. */
export function encodeRowWave(wave: Wave, ranks: number): Uint32Array<ArrayBuffer> {
  const { slots, offsets, entries } = wave;
  const selection = new Uint32Array(ranks * SELECTION_WORDS);
  for (let rank = 0; rank < ranks; rank++) selection[rank * SELECTION_WORDS + SLOT_WORD] = ABSENT;
  slots.forEach((slot, i) => {
    for (const rank of entries.subarray(offsets[i], offsets[i + 1]))
      selection[rank * SELECTION_WORDS + SLOT_WORD] = slot;
  });
  return selection;
}

/** One wave of a prefill pass as work items [slot, first entry, count, 0], at most `tileRows` entries each. */
export function encodeBatchWave({ slots, offsets }: Wave, tileRows: number): Uint32Array<ArrayBuffer> {
  const items: number[] = [];
  slots.forEach((slot, i) => {
    const end = offsets[i + 1]!;
    for (let first = offsets[i]!; first < end; first += tileRows)
      items.push(slot, first, Math.min(tileRows, end - first), 0);
  });
  return new Uint32Array(items);
}

/** Decisions and slots `[layers, ranks]` from selections that lie `layerWords` apart. */
export function decodeLog(
  log: Uint32Array,
  layerWords: number,
  ranks: number,
): Decisions & { readonly slots: Uint32Array } {
  const length = (log.length / layerWords) * ranks;
  const pick = (word: number): Uint32Array<ArrayBuffer> =>
    Uint32Array.from({ length }, (_, i) => {
      const entry = Math.floor(i / ranks) * layerWords + (i % ranks) * SELECTION_WORDS;
      return log[entry + word]!;
    });
  return { ids: pick(0), weights: new Float32Array(pick(1).buffer), slots: pick(SLOT_WORD) };
}
