/** Which ops of decode share a dispatch. */
import type { CombineOp, ForwardPlan, LinearOp, Op, RmsNormOp, ValueId } from "../../model/plan.ts";

/** A norm that the linear op after it computes on the way to its product. */
export interface FusedNorm {
  readonly norm: RmsNormOp;
  /** Whether other ops read the norm too. */
  readonly kept: boolean;
}

/**
 * Outputs up to which a linear op norms its input: every team of lanes does it again, which costs a matrix of many
 * rows more than a dispatch does (measured on lavapipe).
 */
const MOST_OUTPUTS = 512;

function reads(op: Op, value: ValueId): boolean {
  switch (op.kind) {
    case "embed":
      return false;
    case "rms-norm":
    case "gated-activation":
    case "experts":
      return op.x === value;
    case "linear":
      return op.x === value || op.residual === value;
    case "rope-cache":
      return op.qkv === value;
    case "attention":
      return op.q === value;
    case "route":
      return op.logits === value;
    case "combine":
      return op.residual === value || op.shared === value;
  }
}

/** Norms of what a layer's experts made: the next layer's first, or the model's last. */
export function combinedNorms(plan: ForwardPlan): ReadonlyMap<CombineOp, RmsNormOp> {
  const norms = new Map<CombineOp, RmsNormOp>();
  plan.layers.forEach(({ ops }, layer) => {
    const combine = ops.at(-1);
    const norm = (plan.layers[layer + 1]?.ops ?? plan.epilogue)[0];
    if (combine?.kind === "combine" && norm?.kind === "rms-norm" && norm.x === combine.out)
      norms.set(combine, norm);
  });
  return norms;
}

/**
 * The layers' norms that are followed by a linear op on them of few outputs, as routers are; not those of `others`, and
 * not where `rounds`: what is rounded must be normed before.
 */
export function fuseNorms(
  plan: ForwardPlan,
  others: ReadonlySet<RmsNormOp>,
  rounds: (op: LinearOp) => boolean,
): ReadonlyMap<LinearOp, FusedNorm> {
  const fused = new Map<LinearOp, FusedNorm>();
  for (const { ops } of plan.layers)
    ops.forEach((norm, i) => {
      const next = ops[i + 1];
      if (norm.kind !== "rms-norm" || norm.rows !== "each" || others.has(norm)) return;
      if (next?.kind !== "linear" || next.x !== norm.out || next.residual === norm.out || rounds(next))
        return;
      if (plan.values[next.out]!.width > MOST_OUTPUTS) return;
      fused.set(next, { norm, kept: ops.some((op) => op !== next && reads(op, norm.out)) });
    });
  return fused;
}
