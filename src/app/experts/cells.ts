import type { ExpertSnapshot } from "../../index.ts";
import type { LayerRouting } from "./routing-log.ts";
import { shares, type Usage } from "./usage.ts";

/**
 * What each square of the picture looks like, as one byte, so that a frame paints only squares whose byte changed:
 *
 * - below HEAT: bit 0 resident, and above it how freshly the expert was used, 0 … FRESHEST; at FRESHEST by the last token;
 * - from HEAT on: its share of its layer's picks, in HEAT_LEVELS steps;
 * - from WEIGHT on: bit 0 resident, and above it the weight that one token gave it, in WEIGHT_LEVELS steps.
 */
export const FRESHEST = 15;
export const HEAT = 2 * (FRESHEST + 1);
export const HEAT_LEVELS = 32;
export const WEIGHT = HEAT + HEAT_LEVELS;
export const WEIGHT_LEVELS = 8;
export const CELL_KINDS = WEIGHT + 2 * WEIGHT_LEVELS;

/** A pick fades to half in this time. */
const HALF_LIFE_MS = 260;
/** From here on a pick is not seen any more. */
export const FADED_MS = HALF_LIFE_MS * Math.log2(2 * FRESHEST);

/**
 * Cells of now: residency, the last token's picks, and what was used before, fading. `lastUsed` is ms,
 * `[layerCount, expertCount]`; whether anything still fades is the result.
 */
export function cellsOfNow(
  cells: Uint8Array,
  resident: Uint8Array,
  lastUsed: Float64Array,
  usedNow: number,
  now: number,
  isStill: boolean,
): boolean {
  let isFading = false;
  for (let index = 0; index < cells.length; index++) {
    const used = lastUsed[index]!;
    let freshness = 0;
    if (used === usedNow) freshness = FRESHEST;
    else if (!isStill && now - used < FADED_MS) {
      freshness = Math.round((FRESHEST - 1) * 0.5 ** ((now - used) / HALF_LIFE_MS));
      isFading = true;
    }
    cells[index] = resident[index]! | (freshness << 1);
  }
  return isFading;
}

/** Cells by use: a layer's most used expert is the warmest, and by how much less another was used it is cooler. */
export function cellsOfUsage(cells: Uint8Array, usage: Usage): void {
  const share = shares(usage);
  for (let layer = 0; layer < usage.layerCount; layer++) {
    const row = share.subarray(layer * usage.expertCount, (layer + 1) * usage.expertCount);
    const most = row.reduce((max, value) => Math.max(max, value), 0);
    row.forEach((value, expert) => {
      // A root: few experts are used much, and those used little should still be told from those never used.
      const level = value === 0 ? 0 : Math.max(1, Math.round((HEAT_LEVELS - 1) * Math.sqrt(value / most)));
      cells[layer * usage.expertCount + expert] = HEAT + level;
    });
  }
}

/** Cells of one token: what it used, by weight. */
export function cellsOfToken(
  cells: Uint8Array,
  resident: Uint8Array,
  expertCount: number,
  routing: readonly LayerRouting[],
): void {
  cells.set(resident);
  for (const { layer, experts, weights } of routing) {
    const most = Math.max(...weights.map(Math.abs)) || 1;
    experts.forEach((expert, rank) => {
      const index = layer * expertCount + expert;
      const level = Math.round((WEIGHT_LEVELS - 1) * Math.min(1, Math.abs(weights[rank]!) / most));
      cells[index] = WEIGHT + (level << 1) + resident[index]!;
    });
  }
}

/** Where the picture's squares lie, in CSS pixels. */
export interface GridLayout {
  /** Distance from one square to the next, gap included. */
  cell: number;
  gap: number;
  labelWidth: number;
  labelHeight: number;
  /** Every how many rows and columns a number is written. */
  labelStep: number;
  fontSize: number;
  width: number;
  height: number;
}

const SMALLEST_CELL = 9;
const LARGEST_CELL = 30;
const LABEL_WIDTH = 26;
const LABEL_HEIGHT = 20;

/** Fits `[layerCount, expertCount]` squares into a width; squares never get too small to see, the grid scrolls instead. */
export function gridLayout(layerCount: number, expertCount: number, available: number): GridLayout {
  const fitting = Math.floor((available - LABEL_WIDTH) / expertCount);
  const cell = Math.max(SMALLEST_CELL, Math.min(LARGEST_CELL, fitting));
  return {
    cell,
    gap: cell >= 18 ? 4 : 2,
    labelWidth: LABEL_WIDTH,
    labelHeight: LABEL_HEIGHT,
    labelStep: Math.ceil(20 / cell),
    fontSize: 11,
    width: LABEL_WIDTH + cell * expertCount,
    height: LABEL_HEIGHT + cell * layerCount,
  };
}

/** The picture in a line. */
export function describeExperts({ layerCount, expertCount, resident }: ExpertSnapshot): string {
  const count = resident.reduce((sum, flag) => sum + flag, 0);
  return `Grid of ${layerCount} layers by ${expertCount} experts: ${count} of ${layerCount * expertCount} experts resident.`;
}

/** One square in words; empty outside the grid. */
export function describeOne(snapshot: ExpertSnapshot, layer: number, expert: number): string {
  const { layerCount, expertCount, expertsPerToken, picks } = snapshot;
  if (layer < 0 || layer >= layerCount || expert < 0 || expert >= expertCount) return "";
  const where = `Layer ${layer}, expert ${expert}`;
  const ranks = picks.subarray(layer * expertsPerToken, (layer + 1) * expertsPerToken);
  const state = snapshot.resident[layer * expertCount + expert] ? "resident" : "not resident";
  return ranks.includes(expert) ? `${where}: ${state}, used by the last token` : `${where}: ${state}`;
}
