import type { Backend } from "../backend/backend.ts";
import type { ForwardPlan, LayerPlan, LinearOp, Op, RmsNormOp } from "../model/plan.ts";
import type { Core } from "../wasm/core.ts";
import type { Decisions } from "../wasm/decisions.ts";

/** The two ops that end in a layer's router logits. */
interface Gate {
  readonly norm: RmsNormOp;
  readonly linear: LinearOp;
}

function gateOf(layer: LayerPlan): Gate | undefined {
  const ops = layer.ops.slice(
    0,
    layer.ops.findIndex(({ kind }) => kind === "route"),
  );
  const logits = layer.ops.find((op) => op.kind === "route")?.logits;
  const linear = ops.findLast((op) => op.kind === "linear" && op.out === logits) as LinearOp | undefined;
  // The last one before it: earlier norms of the layer may write the same value.
  const norm = ops.findLast((op) => op.kind === "rms-norm" && op.out === linear?.x) as RmsNormOp | undefined;
  return linear && norm && { norm, linear };
}

/**
 * The next layer's gate on the state that this layer's own gate is about to read: it names most of what the next
 * layer will pick, one layer of time before it does. It runs before this layer's norm, whose values it borrows and
 * which then overwrites them, so that it changes no bit.
 */
export interface Lookahead {
  /** The op of the layer that it comes before; undefined where the next layer has no gate to ask. */
  readonly before: (layer: number) => Op | undefined;
  /** Twice as many picks as a token makes, likeliest first. Call it in a pass of one token. */
  ask(layer: number): Promise<Decisions>;
}

/** Where asking takes no round trip: on the CPU. */
export function createLookahead(plan: ForwardPlan, backend: Backend, core: Core): Lookahead {
  const gates = plan.layers.map(gateOf);
  const usable = plan.layers.map((_, layer) => {
    const [own, next] = [gates[layer], gates[layer + 1]];
    // The next layer's norm must read the same value, written anew in every layer.
    return own && next && own.norm.x === next.norm.x ? { own, next } : undefined;
  });
  return {
    before: (layer) => usable[layer]?.own.norm,
    async ask(layer) {
      const { next } = usable[layer]!;
      backend.run(next.norm);
      backend.run(next.linear);
      const { value } = await backend.submit({ value: next.linear.out });
      const { router } = plan.layers[layer + 1]!.moe!;
      const eligible = router.groups
        ? (router.expertCount / router.groups.count) * router.groups.kept
        : router.expertCount;
      const expertsPerToken = Math.min(2 * router.expertsPerToken, eligible);
      // Its share of the scores is how likely an expert is, whatever the layer makes of them as weights.
      return core.route({ ...router, expertsPerToken, weights: "raw", scale: 1 }, value!, 1);
    },
  };
}
