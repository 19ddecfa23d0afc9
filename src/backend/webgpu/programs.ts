/** Compiles a plan's ops to dispatches, once for each phase. */
import { WebMoEError } from "../../api/errors.ts";
import type {
  CombineOp,
  ExpertsOp,
  ForwardPlan,
  LinearOp,
  Op,
  RmsNormOp,
  RouteOp,
  ValueId,
} from "../../model/plan.ts";
import type { Pass } from "../backend.ts";
import type { Activations } from "./activations.ts";
import { createAttention } from "./attention-programs.ts";
import type { Variants } from "./compose.ts";
import type { Cell } from "./device.ts";
import { combinedNorms, fuseNorms } from "./fusion.ts";
import {
  combineGrid,
  combineKernel,
  combineNormKernel,
  embedKernel,
  gatedActivationGrid,
  gatedActivationKernel,
  isRounded,
  rmsNormKernel,
  routeKernel,
  routesInWgsl,
} from "./kernels.ts";
import type { KvCache } from "./kv-cache.ts";
import type { Matrices } from "./matrices.ts";
import type { Parameters } from "./parameters.ts";
import {
  type ExpertLinearShape,
  type ExpertWork,
  expertLinearGrid,
  expertLinearKernel,
  gateUpGrid,
  gateUpKernel,
  type LinearShape,
  linearGrid,
  linearKernel,
} from "./products.ts";
import { bind, type Dispatch, type Resource } from "./recorder.ts";
import { SELECTION_WORDS } from "./selection.ts";
import type { Slabs } from "./slabs.ts";

type Phase = Pass["phase"];

/** Where the experts of a dispatch come from. */
export type ExpertSource = "log" | "wave";

export interface Programs {
  /** Of any op but `experts`. */
  of(op: Op, phase: Phase): readonly Dispatch[];
  /** Reads the slab as it is now; the count of these dispatches is work items. */
  experts(op: ExpertsOp, phase: Phase, source: ExpertSource): readonly Dispatch[];
  /** Every dispatch there may be: what must be compiled. */
  readonly all: readonly Dispatch[];
}

export interface ProgramParts {
  readonly plan: ForwardPlan;
  readonly variants: Variants;
  readonly matrices: Matrices;
  readonly slabs: Slabs;
  readonly cache: KvCache;
  readonly parameters: Parameters;
  readonly activations: Activations;
}

export function createPrograms(parts: ProgramParts): Programs {
  const { plan, variants, matrices, slabs, parameters, activations } = parts;
  const combined = combinedNorms(plan);
  const fusedNorms = fuseNorms(plan, new Set(combined.values()), (op) =>
    matrices.stacksOf(op).some(({ shape }) => isRounded(variants, shape.type)),
  );
  const normsInside = new Set([...combined.values(), ...[...fusedNorms.values()].map(({ norm }) => norm)]);

  /** What `combine` left for the ops being compiled: norms that are not in the value's own cell in decode. */
  const left = new Map<ValueId, Cell>();
  const cellOf = (id: ValueId, phase: Phase): Cell =>
    (phase === "decode" && left.get(id)) || activations.value(id, phase);

  /** A vector of the trunk that kernels read as plain floats. */
  function vector(name: string): Resource {
    const { stack } = matrices.locate(name);
    if (stack.shape.type !== "f32")
      throw new WebMoEError("unsupported-quantization", `${name} is ${stack.shape.type}; norms must be f32.`);
    return { cell: stack.pieces[0]!.cell };
  }

  const { ropeCache, attention } = createAttention({ ...parts, cellOf, vector });

  function linear(op: LinearOp, phase: Phase): Dispatch[] {
    const spec = plan.values[op.out]!;
    const rows = phase === "decode" || spec.rows === "one" ? "one" : "batch";
    const bias = matrices.biasOf(op);
    const fused = phase === "decode" ? fusedNorms.get(op) : undefined;
    const input = fused ? fused.norm.x : op.x;
    let outOffset = 0;
    return matrices.stacksOf(op).flatMap(({ shape, pieces }) => {
      const start = outOffset;
      outOffset += shape.rows;
      return pieces.map((piece): Dispatch => {
        const keeps = fused?.kept === true && start + piece.firstRow === 0;
        const linearShape: LinearShape = {
          matrix: piece.shape,
          rows,
          norm: fused && { eps: fused.norm.eps, kept: keeps },
          residual: op.residual !== undefined,
          bias: bias !== undefined,
          scale: op.scale ?? 1,
          outWidth: spec.width,
          outOffset: start + piece.firstRow,
        };
        return {
          kernel: linearKernel(variants, linearShape),
          resources: bind({
            0: rows === "batch" ? parameters.batch : undefined,
            1: { cell: cellOf(input, phase) },
            2: { cell: activations.value(op.out, phase) },
            3: op.residual === undefined ? undefined : { cell: cellOf(op.residual, phase) },
            4: fused && vector(fused.norm.weight),
            5: keeps ? { cell: activations.value(op.x, phase) } : undefined,
            7: bias && { cell: bias },
            8: { cell: piece.cell },
          }),
          grid: (count) => linearGrid(variants, linearShape, count),
        };
      });
    });
  }

  /** A layer's selection as `experts` and `combine` read it. */
  function selection(layer: number, phase: Phase): Resource {
    if (phase === "prefill") return { cell: activations.decisions };
    const offset = layer * activations.logStride;
    return { cell: activations.log, offset, size: activations.maxRanks * SELECTION_WORDS * 4 };
  }

  function ranks(layer: number): number {
    const moe = plan.layers[layer]?.moe;
    if (!moe) throw new Error(`Layer ${layer} has ops of experts and no experts.`);
    return moe.router.expertsPerToken;
  }

  function route({ layer, logits, spec }: RouteOp, phase: Phase): Dispatch[] {
    const table = slabs.layer(layer)?.table;
    if (phase === "prefill" || !table || !routesInWgsl(spec)) return [];
    return [
      {
        kernel: routeKernel(variants, spec),
        resources: {
          1: { cell: cellOf(logits, phase) },
          2: selection(layer, phase),
          3: { cell: table },
        },
        grid: () => [1, 1, 1],
      },
    ];
  }

  function combine(op: CombineOp, phase: Phase): Dispatch[] {
    const { layer, residual, shared, scale = 1, out } = op;
    const { width } = plan.values[out]!;
    const shape = { width, expertsPerToken: ranks(layer), shared: shared !== undefined, scale };
    const norm = phase === "decode" ? combined.get(op) : undefined;
    return [
      {
        kernel: norm ? combineNormKernel(variants, shape, norm.eps) : combineKernel(variants, shape),
        resources: bind({
          1: { cell: activations.expertRows },
          2: { cell: activations.value(out, phase) },
          3: { cell: cellOf(residual, phase) },
          4: selection(layer, phase),
          5: shared === undefined ? undefined : { cell: cellOf(shared, phase) },
          6: norm && vector(norm.weight),
          7: norm && { cell: activations.combinedNorm(layer) },
        }),
        grid: (rows) => (norm ? [1, 1, 1] : combineGrid(width, rows)),
      },
    ];
  }

  function compile(op: Op, phase: Phase): Dispatch[] {
    const value = (id: ValueId): Resource => ({ cell: cellOf(id, phase) });
    switch (op.kind) {
      case "embed": {
        const { stack } = matrices.locate(op.weight);
        return stack.pieces.map((piece) => ({
          kernel: embedKernel(variants, piece.shape, piece.firstRow, op.scale ?? 1),
          resources: { 1: parameters.tokens, 2: value(op.out), 8: { cell: piece.cell } },
          grid: (rows) => [rows, 1, 1],
        }));
      }
      case "rms-norm": {
        if (phase === "decode" && normsInside.has(op)) return [];
        const last = op.rows === "last";
        return [
          {
            kernel: rmsNormKernel(variants, plan.values[op.x]!.width, op.eps, op.rows),
            resources: bind({
              0: last ? parameters.batch : undefined,
              1: value(op.x),
              2: value(op.out),
              4: vector(op.weight),
            }),
            grid: (rows) => [last ? 1 : rows, 1, 1],
          },
        ];
      }
      case "linear":
        return linear(op, phase);
      case "rope-cache":
        return ropeCache(op, phase);
      case "attention":
        return attention(op, phase);
      case "gated-activation": {
        const { width } = plan.values[op.out]!;
        return [
          {
            kernel: gatedActivationKernel(variants, width),
            resources: { 1: value(op.x), 2: value(op.out) },
            grid: (rows) => gatedActivationGrid(width, rows),
          },
        ];
      }
      case "route":
        return route(op, phase);
      case "combine":
        return combine(op, phase);
      case "experts":
        return [];
    }
  }

  function compileExperts(
    { layer, x }: ExpertsOp,
    phase: Phase,
    source: ExpertSource,
    pieces: number,
  ): Dispatch[] {
    const slab = slabs.layer(layer);
    if (!slab) throw new Error(`Layer ${layer} has an op of experts and no experts.`);
    const { record } = slab;
    const work: ExpertWork = phase === "prefill" ? "batch" : "row";
    const weights = Object.fromEntries(
      Array.from({ length: pieces }, (_, i): [number, Resource] => [
        8 + i,
        {
          cell: {
            get buffer() {
              return slab.pieces[i]!.buffer;
            },
          },
        },
      ]),
    );
    const shared: Record<number, Resource> =
      work === "batch"
        ? { 4: { cell: activations.items }, 5: { cell: activations.entries }, ...weights }
        : { 4: source === "log" ? selection(layer, phase) : { cell: activations.waveSelection }, ...weights };
    const hidden: Resource = { cell: activations.expertHidden };
    const input: Resource = { cell: cellOf(x, phase) };
    const entriesPerInput = ranks(layer);
    const linear = (shape: ExpertLinearShape, from: Resource, to: Resource): Dispatch => ({
      kernel: expertLinearKernel(variants, record, shape, work, pieces),
      resources: { 1: from, 2: to, ...shared },
      grid: (items) => expertLinearGrid(variants, record[shape.matrix], work, items),
    });
    // One decoder a kernel: matrices of different types take a kernel each.
    const gatedUp: Dispatch[] =
      record.gate.type === record.up.type
        ? [
            {
              kernel: gateUpKernel(variants, record, work, pieces, entriesPerInput),
              resources: { 1: input, 2: hidden, ...shared },
              grid: (items) => gateUpGrid(variants, record, work, items),
            },
          ]
        : [
            linear({ matrix: "up", entriesPerInput, gates: false }, input, hidden),
            linear({ matrix: "gate", entriesPerInput, gates: true }, input, hidden),
          ];
    const rows: Resource = { cell: activations.expertRows };
    return [...gatedUp, linear({ matrix: "down", entriesPerInput: 1, gates: false }, hidden, rows)];
  }

  const ops = [...plan.prologue, ...plan.layers.flatMap((layer) => layer.ops), ...plan.epilogue];
  const normCells = new Map<RmsNormOp, Cell>();
  const programs = new Map<Op, Readonly<Record<Phase, readonly Dispatch[]>>>();
  /** By op, then by use, then by how many pieces the slab has (from 1). */
  const expertPrograms = new Map<Op, Readonly<Record<"prefill" | ExpertSource, readonly Dispatch[][]>>>();
  for (const op of ops) {
    programs.set(op, { prefill: compile(op, "prefill"), decode: compile(op, "decode") });
    if (op.kind === "combine") {
      const norm = combined.get(op);
      if (norm) normCells.set(norm, activations.combinedNorm(op.layer));
    }
    if (op.kind === "route") continue;
    if (op.kind !== "experts") {
      const cell = op.kind === "rms-norm" ? normCells.get(op) : undefined;
      if (cell) left.set(op.out, cell);
      else left.delete(op.out);
      continue;
    }
    const { maxPieces = 0 } = slabs.layer(op.layer) ?? {};
    const byPieces = (phase: Phase, source: ExpertSource): Dispatch[][] =>
      Array.from({ length: maxPieces }, (_, i) => compileExperts(op, phase, source, i + 1));
    expertPrograms.set(op, {
      prefill: byPieces("prefill", "wave"),
      wave: byPieces("decode", "wave"),
      log: byPieces("decode", "log"),
    });
  }

  return {
    of(op, phase) {
      const program = programs.get(op);
      if (!program) throw new WebMoEError("invalid-argument", `The ${op.kind} op is not of this plan.`);
      return program[phase];
    },
    experts(op, phase, source) {
      const pieces = slabs.layer(op.layer)?.pieces.length ?? 0;
      const program = expertPrograms.get(op)?.[phase === "prefill" ? "prefill" : source][pieces - 1];
      if (!program)
        throw new WebMoEError(
          "invalid-argument",
          `Layer ${op.layer} has no expert slots: call allocateSlots first.`,
        );
      return program;
    },
    all: [
      ...[...programs.values()].flatMap(({ prefill, decode }) => [...prefill, ...decode]),
      ...[...expertPrograms.values()].flatMap(({ prefill, wave, log }) => [prefill, wave, log].flat(2)),
    ],
  };
}
