/** Compiles the ops of attention. In decode, one dispatch turns heads, writes the cache and attends (chunk by chunk). */
import { WebMoEError } from "../../api/errors.ts";
import type { AttentionOp, RopeCacheOp, ValueId } from "../../model/plan.ts";
import type { Pass } from "../backend.ts";
import type { Cell } from "./device.ts";
import {
  attentionBatchGrid,
  attentionBatchKernel,
  attentionChunks,
  attentionKernel,
  attentionMergeKernel,
  type HeadTurn,
  ropeCacheKernel,
} from "./kernels.ts";
import type { ProgramParts } from "./programs.ts";
import { bind, type Dispatch, type Resource } from "./recorder.ts";

type Phase = Pass["phase"];

export interface AttentionPrograms {
  /** None in decode: the layer's attention does this too. */
  ropeCache(op: RopeCacheOp, phase: Phase): Dispatch[];
  attention(op: AttentionOp, phase: Phase): Dispatch[];
}

interface AttentionParts
  extends Pick<ProgramParts, "plan" | "variants" | "cache" | "parameters" | "activations"> {
  /** Where a value lies. */
  readonly cellOf: (id: ValueId, phase: Phase) => Cell;
  /** A vector of the trunk. */
  readonly vector: (name: string) => Resource;
}

export function createAttention(parts: AttentionParts): AttentionPrograms {
  const { plan, variants, cache, parameters, activations, cellOf, vector } = parts;
  const heads = plan.hyperparameters;
  const ropeCaches = new Map(
    plan.layers.flatMap(({ ops }) => ops.flatMap((op) => (op.kind === "rope-cache" ? [[op.layer, op]] : []))),
  );

  /** How a layer's heads turn, and the bindings of what that reads. */
  function headTurn(op: RopeCacheOp, phase: Phase): { turn: HeadTurn; resources: ReturnType<typeof bind> } {
    const normed = op.qNorm !== undefined && op.kNorm !== undefined;
    if (!normed && (op.qNorm ?? op.kNorm) !== undefined)
      throw new WebMoEError("unsupported-architecture", "A norm of only one of q and k is not supported.");
    return {
      turn: { rope: op.rope, norm: normed ? { span: op.normSpan ?? "head", eps: op.eps } : undefined },
      resources: bind({
        0: parameters.batch,
        1: { cell: cellOf(op.qkv, phase) },
        3: normed ? vector(op.qNorm) : undefined,
        4: normed ? vector(op.kNorm) : undefined,
        5: parameters.turnsOf(op.rope),
        6: { cell: cache.keys(op.layer) },
        7: { cell: cache.values(op.layer) },
      }),
    };
  }

  function ropeCache(op: RopeCacheOp, phase: Phase): Dispatch[] {
    if (phase === "decode") return [];
    const { turn, resources } = headTurn(op, phase);
    return [
      {
        kernel: ropeCacheKernel(variants, heads, turn),
        resources: { ...resources, 2: { cell: activations.value(op.out, phase) } },
        grid: (rows) => [heads.headCount + 2 * heads.kvHeadCount, rows, 1],
      },
    ];
  }

  function attention(op: AttentionOp, phase: Phase): Dispatch[] {
    const out: Resource = { cell: activations.value(op.out, phase) };
    if (phase === "prefill")
      return [
        {
          kernel: attentionBatchKernel(variants, heads, op.scale),
          resources: {
            0: parameters.batch,
            1: { cell: activations.value(op.q, phase) },
            2: out,
            6: { cell: cache.keys(op.layer) },
            7: { cell: cache.values(op.layer) },
          },
          grid: (rows) => attentionBatchGrid(heads, rows),
        },
      ];
    const ropeCache = ropeCaches.get(op.layer);
    if (ropeCache?.out !== op.q)
      throw new WebMoEError(
        "unsupported-architecture",
        `Layer ${op.layer} attends with queries that no op of it has turned.`,
      );
    const chunks: Resource = { cell: activations.chunks };
    const { turn, resources } = headTurn(ropeCache, phase);
    return [
      {
        kernel: attentionKernel(variants, heads, op.scale, turn),
        resources: { ...resources, 2: out, 8: chunks },
        grid: (_, positions) => [heads.headCount, 1, attentionChunks(positions)],
      },
      {
        kernel: attentionMergeKernel(variants, heads),
        resources: { 0: parameters.batch, 1: chunks, 2: out },
        // A single chunk is the result.
        grid: (_, positions) => [attentionChunks(positions) > 1 ? heads.headCount : 0, 1, 1],
      },
    ];
  }

  return { ropeCache, attention };
}
