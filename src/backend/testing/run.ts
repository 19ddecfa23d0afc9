/** Runs single ops and whole passes of a plan on a backend, as the engine would, with routing done here. */
import type { ForwardPlan, Op, ValueId } from "../../model/plan.ts";
import type { Backend, Decisions, Wave } from "../backend.ts";
import { valueId } from "./plans.ts";

/** Runs `ops` on a pass of `rows` rows whose values `inputs` were written before, and reads `out`'s live rows. */
export async function runOps(
  backend: Backend,
  plan: ForwardPlan,
  options: {
    readonly ops: readonly Op[];
    readonly rows: number;
    readonly position?: number;
    readonly tokens?: Uint32Array;
    readonly inputs?: Readonly<Record<string, Float32Array>>;
    readonly out: ValueId;
  },
): Promise<Float32Array> {
  const { ops, rows, position = 0, tokens = new Uint32Array(rows), inputs = {}, out } = options;
  await backend.beginPass({ phase: rows === 1 ? "decode" : "prefill", position, tokens });
  for (const [name, data] of Object.entries(inputs)) backend.writeValue(valueId(plan, name), data);
  for (const op of ops) backend.run(op);
  const { value } = await backend.submit({ value: out });
  if (!value) throw new Error("the backend read nothing");
  return value;
}

/** Softmax over the logits [rows, expertCount], the `k` largest (ties to the lowest id), renormalised. */
export function decide(logits: Float32Array, expertCount: number, k: number): Decisions {
  const rows = logits.length / expertCount;
  const ids = new Uint32Array(rows * k);
  const weights = new Float32Array(rows * k);
  for (let row = 0; row < rows; row++) {
    const scores = logits.subarray(row * expertCount, (row + 1) * expertCount);
    const picked = Array.from(scores.keys())
      .sort((a, b) => scores[b]! - scores[a]! || a - b)
      .slice(0, k);
    const powers = picked.map((id) => Math.exp(scores[id]! - scores[picked[0]!]!));
    const total = powers.reduce((a, b) => a + b, 0);
    ids.set(picked, row * k);
    weights.set(
      powers.map((power) => power / total),
      row * k,
    );
  }
  return { ids, weights };
}

/** The decisions' entries grouped by expert in the order of `experts`, whose slots are `slotOf(expert)`. */
export function makeWave(
  ids: Uint32Array,
  experts: readonly number[],
  slotOf: (expert: number) => number,
): Wave {
  const groups = experts.map((expert) => Array.from(ids.keys()).filter((entry) => ids[entry] === expert));
  const offsets = [0];
  for (const group of groups) offsets.push(offsets.at(-1)! + group.length);
  return {
    slots: Uint32Array.from(experts, slotOf),
    offsets: Uint32Array.from(offsets),
    entries: Uint32Array.from(groups.flat()),
  };
}

/**
 * One pass over the whole plan; expert e of every layer is in slot e. `waves` splits a layer's experts into waves
 * (default: all in one). Returns the logits of the last row.
 */
export async function runPlan(
  backend: Backend,
  plan: ForwardPlan,
  options: {
    readonly tokens: Uint32Array;
    readonly position: number;
    readonly waves?: (experts: readonly number[]) => readonly (readonly number[])[];
  },
): Promise<Float32Array> {
  const { tokens, position, waves = (experts) => [experts] } = options;
  await backend.beginPass({ phase: tokens.length === 1 ? "decode" : "prefill", position, tokens });
  for (const op of plan.prologue) backend.run(op);
  for (const { ops } of plan.layers) {
    let decisions: Decisions | undefined;
    for (const op of ops) {
      if (op.kind === "route") {
        const { value } = await backend.submit({ value: op.logits });
        decisions = decide(value!, op.spec.expertCount, op.spec.expertsPerToken);
        backend.setDecisions(op, decisions);
      } else if (op.kind === "experts") {
        const { ids } = decisions!;
        const experts = [...new Set(ids)].sort((a, b) => a - b);
        for (const wave of waves(experts))
          await backend.runWave(
            op,
            makeWave(ids, wave, (expert) => expert),
          );
      } else {
        backend.run(op);
      }
    }
  }
  for (const op of plan.epilogue) backend.run(op);
  const { value } = await backend.submit({ value: plan.logits });
  return value!;
}
