import type { ExpertSnapshot } from "../index.ts";

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

/** The picture in words: a line for the image itself, and the whole of it. */
export function describeExperts(snapshot: ExpertSnapshot): { short: string; full: string } {
  const { layerCount, expertCount, expertsPerToken, picks } = snapshot;
  const resident = snapshot.resident.reduce((sum, flag) => sum + flag, 0);
  const short = `Grid of ${layerCount} layers by ${expertCount} experts: ${resident} of ${layerCount * expertCount} experts resident.`;
  if (picks.length === 0) return { short, full: `${short} No token yet.` };
  const used = Array.from({ length: layerCount }, (_, layer) => {
    const experts = picks.subarray(layer * expertsPerToken, (layer + 1) * expertsPerToken);
    return `layer ${layer}: ${experts.join(", ")}`;
  });
  return { short, full: `${short} Experts used by the last token: ${used.join("; ")}.` };
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
