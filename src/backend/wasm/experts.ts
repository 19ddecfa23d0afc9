import { WebMoEError } from "../../api/errors.ts";
import type { ExpertsOp, ForwardPlan } from "../../model/plan.ts";
import type { ComputeExports } from "../../wasm/compute.ts";
import { CHUNK_ROWS, type Wave } from "../backend.ts";
import type { Arena } from "./arena.ts";
import type { Product } from "./job.ts";
import type { Kernels } from "./kernels.ts";
import type { Slots } from "./slots.ts";

export interface ExpertsOptions {
  readonly plan: ForwardPlan;
  readonly compute: ComputeExports;
  readonly arena: Arena;
  readonly slots: Slots;
  readonly allocate: (bytes: number, purpose: string) => number;
}

export interface Experts {
  /** Address of [rows, expertsPerToken, hiddenSize]: what combine sums. */
  readonly rows: number;
  /** Runs a wave on x [rowCount, hiddenSize]. Errors: `invalid-argument` if an entry names a row that is not there. */
  run(kernels: Kernels, op: ExpertsOp, x: number, rowCount: number, wave: Wave): void;
}

/** Consecutive entries [start, end) of one expert. */
interface Share {
  readonly slot: number;
  readonly start: number;
  readonly end: number;
}

/** The wave's experts in groups of at most CHUNK_ROWS entries; an expert with more entries is in several. */
function groupsOf({ slots, offsets }: Wave): Share[][] {
  const groups: Share[][] = [];
  let room = 0;
  slots.forEach((slot, i) => {
    for (let start = offsets[i]!; start < offsets[i + 1]!; ) {
      if (room === 0) {
        groups.push([]);
        room = CHUNK_ROWS;
      }
      const end = Math.min(offsets[i + 1]!, start + room);
      groups.at(-1)!.push({ slot, start, end });
      room -= end - start;
      start = end;
    }
  });
  return groups;
}

/**
 * Experts in groups, each of them two jobs: gates, ups and activations of all its experts, then their downs. A token's
 * few experts are one group, so that all threads work on them.
 */
export function createExperts({ plan, compute, arena, slots, allocate }: ExpertsOptions): Experts {
  const { hiddenSize, expertsPerToken } = plan.hyperparameters;
  const expertHiddenSize = Math.max(0, ...plan.layers.map(({ moe }) => moe?.expertHiddenSize ?? 0));
  const entryCount = CHUNK_ROWS * expertsPerToken;
  const rowBytes = hiddenSize * 4;
  const inputs = allocate(CHUNK_ROWS * rowBytes, "expert inputs");
  const gates = allocate(CHUNK_ROWS * expertHiddenSize * 4, "expert gates");
  const activations = allocate(CHUNK_ROWS * expertHiddenSize * 4, "expert activations");
  const outputs = allocate(CHUNK_ROWS * rowBytes, "expert outputs");
  const ranks = allocate(entryCount * rowBytes, "expert outputs by rank");
  const entriesAt = allocate(entryCount * 4, "dispatch entries");

  return {
    rows: ranks,
    run(kernels, op, x, rowCount, wave) {
      const { entries } = wave;
      const limit = rowCount * expertsPerToken;
      if (entries.length > entryCount || entries.some((entry) => entry >= limit)) {
        throw new WebMoEError(
          "invalid-argument",
          `A wave of ${entries.length} entries in layer ${op.layer} names a row that this pass of ${rowCount} does not have.`,
        );
      }
      // One row is every expert's input, and each expert's output goes to its rank at once.
      const oneRow = rowCount === 1;
      if (!oneRow) arena.words(entriesAt, entries.length).set(entries);
      for (const group of groupsOf(wave)) {
        const { start: first } = group[0]!;
        const { end: last } = group.at(-1)!;
        const at = entriesAt + first * 4;
        if (!oneRow) compute.gatherRows(x, rowBytes, at, last - first, expertsPerToken, inputs);
        const ups: Product[] = [];
        const downs: Product[] = [];
        for (const { slot, start, end } of group) {
          const rows = end - start;
          const up = slots.matrix(op.layer, slot, "up");
          const down = slots.matrix(op.layer, slot, "down");
          const outStride = up.rows * 4;
          const input = oneRow ? x : inputs + (start - first) * rowBytes;
          const gateOut = gates + (start - first) * outStride;
          const activated = activations + (start - first) * outStride;
          const gate = { matrix: slots.matrix(op.layer, slot, "gate"), x: input, out: gateOut };
          ups.push({ matrix: up, x: input, rows, out: activated, outStride, gate });
          const out = oneRow ? ranks + entries[start]! * rowBytes : outputs + (start - first) * rowBytes;
          downs.push({ matrix: down, x: activated, rows, out, outStride: rowBytes });
        }
        kernels.products(ups);
        kernels.products(downs);
        if (!oneRow) compute.scatterRows(outputs, rowBytes, at, last - first, ranks);
      }
    },
  };
}
