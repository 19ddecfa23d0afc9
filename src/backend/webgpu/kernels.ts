/**
 * Every kernel's composition from the dimensions it is made for: which modules, which constants, how many
 * workgroups. Dimensions are constants of the text, so that compilers unroll and one uniform a pass is enough.
 */
import type { ExpertMatrix, RopeSpec } from "../../model/plan.ts";
import { packedLayout, type QuantName } from "../../model/quantization.ts";
import type { RouterSpec } from "../../model/router-spec.ts";
import {
  type Constant,
  compose,
  type Four,
  float,
  type Kernel,
  type ModuleName,
  type Variants,
} from "./compose.ts";
import { DECODERS } from "./decoders.ts";

const WORKGROUP_SIZE = 64;
/** For kernels that run as one workgroup over many candidates; WebGPU's default limit. */
export const WIDE_WORKGROUP_SIZE = 256;
/** Rows of x that a prefill kernel multiplies with each weight it decodes. */
export const TILE_ROWS = 8;
/** Matrix rows per team of lanes: independent loads in flight. */
const OUTPUTS = 2;
/** Workgroups in one dimension that any device allows. */
const MAX_GROUPS = 65535;

export type Grid = readonly [number, number, number];

/** A matrix as a kernel sees it. */
export interface MatrixShape {
  readonly type: QuantName;
  readonly rows: number;
  readonly cols: number;
}

/** What lanes share of a row: spans, each decoded by one of them. */
export function rowSpans({ type, cols }: MatrixShape): number {
  return cols / DECODERS[type].spanElements;
}

function matrixConstants(shape: MatrixShape): Record<string, Constant> {
  const { planes } = packedLayout(shape.type, shape.rows, shape.cols);
  const each = (property: "offset" | "rowBytes"): Four => {
    const [x = 0, y = 0, z = 0, w = 0] = planes.map((plane) => plane[property]);
    return [x, y, z, w];
  };
  return {
    MATRIX_ROWS: shape.rows,
    ROW_SPANS: rowSpans(shape),
    PLANE_OFFSETS: each("offset"),
    PLANE_ROW_BYTES: each("rowBytes"),
  };
}

/** Lanes that share a row: as many as waste the fewest loads, at most 32; the larger where two waste the same. */
export function lanesPerRow(spans: number): number {
  const waste = (lanes: number): number => Math.ceil(spans / lanes) * lanes;
  return [32, 16, 8, 4].reduce((best, lanes) => (waste(lanes) < waste(best) ? lanes : best));
}

/** Workgroups for `count` outputs, over two dimensions where one is too short. */
function spread(count: number): readonly [number, number] {
  const y = Math.ceil(count / MAX_GROUPS);
  return [Math.ceil(count / y), y];
}

const piecesModule = (pieces: number): ModuleName => {
  const names = ["pieces-1", "pieces-2", "pieces-3", "pieces-4"] as const;
  return names[pieces - 1]!;
};

export interface LinearShape {
  readonly matrix: MatrixShape;
  /** One row of x, or all rows of the batch. */
  readonly rows: "one" | "batch";
  readonly residual: boolean;
  readonly bias: boolean;
  readonly scale: number;
  /** Width of an output row, and where the matrix's outputs start in it. */
  readonly outWidth: number;
  readonly outOffset: number;
}

/** Bindings: 0 batch (rows = batch), 1 x, 2 out, 3 residual, 7 bias, 8 weights. */
export function linearKernel(variants: Variants, shape: LinearShape): Kernel {
  const batch = shape.rows === "batch";
  return compose(
    {
      kernel: "linear",
      modules: [
        ...(batch ? (["batch", "rows-batch"] as const) : (["rows-one"] as const)),
        shape.residual ? "residual-add" : "residual-none",
        shape.bias ? "bias-add" : "bias-none",
        "pieces-1",
        "tile",
      ],
      decoder: shape.matrix.type,
      reduces: true,
      constants: {
        WORKGROUP_SIZE,
        LANES: lanesPerRow(rowSpans(shape.matrix)),
        OUTPUTS,
        TILE_ROWS: batch ? TILE_ROWS : 1,
        ...matrixConstants(shape.matrix),
        OUT_WIDTH: shape.outWidth,
        OUT_OFFSET: shape.outOffset,
        OUT_SCALE: float(shape.scale),
      },
    },
    variants,
  );
}

export function linearGrid({ matrix, rows: kind }: LinearShape, rows: number): Grid {
  const perGroup = (WORKGROUP_SIZE / lanesPerRow(rowSpans(matrix))) * OUTPUTS;
  const [x, y] = spread(Math.ceil(matrix.rows / perGroup));
  return [x, y, kind === "batch" ? Math.ceil(rows / TILE_ROWS) : 1];
}

/** Bindings: 1 tokens, 2 out, 8 weights. `firstRow`: the token whose row the piece starts with. */
export function embedKernel(
  variants: Variants,
  matrix: MatrixShape,
  firstRow: number,
  scale: number,
): Kernel {
  return compose(
    {
      kernel: "embed",
      modules: ["pieces-1"],
      decoder: matrix.type,
      constants: { WORKGROUP_SIZE, FIRST_ROW: firstRow, OUT_SCALE: float(scale), ...matrixConstants(matrix) },
    },
    variants,
  );
}

/** Bindings: 0 batch (last), 1 x, 2 out, 4 weight. */
export function rmsNormKernel(variants: Variants, width: number, eps: number, rows: "each" | "last"): Kernel {
  return compose(
    {
      kernel: "rms-norm",
      modules: rows === "last" ? ["batch", "source-last"] : ["source-each"],
      reduces: true,
      constants: { WORKGROUP_SIZE, LANES: WORKGROUP_SIZE, WIDTH: width, EPS: float(eps) },
    },
    variants,
  );
}

export interface HeadShape {
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headDim: number;
}

const headConstants = ({ headCount, kvHeadCount, headDim }: HeadShape): Record<string, number> => ({
  WORKGROUP_SIZE,
  HEAD_COUNT: headCount,
  KV_HEAD_COUNT: kvHeadCount,
  HEAD_DIM: headDim,
});

export interface HeadNorm {
  /** Each head by itself, or all heads of q (of k) as one row. */
  readonly span: "head" | "row";
  readonly eps: number;
}

/** Bindings: 0 batch, 1 qkv, 2 out, 3 and 4 norms of q and k (normed), 5 turns, 6 keys, 7 values. */
export function ropeCacheKernel(
  variants: Variants,
  heads: HeadShape,
  rope: RopeSpec,
  norm: HeadNorm | undefined,
): Kernel {
  return compose(
    {
      kernel: "rope-cache",
      modules: ["batch", norm ? `${norm.span}-norm` : "head-norm-none"],
      reduces: norm !== undefined,
      constants: {
        ...headConstants(heads),
        ROPE_DIMENSION: rope.dimension,
        ROPE_NEOX: rope.pairing === "neox",
        ...(norm && { LANES: WORKGROUP_SIZE, EPS: float(norm.eps) }),
      },
    },
    variants,
  );
}

/** Bindings: 0 batch, 1 q, 2 out, 6 keys, 7 values. */
export function attentionKernel(variants: Variants, heads: HeadShape, scale: number): Kernel {
  return compose(
    {
      kernel: "attention",
      modules: ["batch"],
      constants: { ...headConstants(heads), SCALE: float(scale) },
    },
    variants,
  );
}

/** Whether `route` has a WGSL twin of this router. */
export function routesInWgsl(spec: RouterSpec): boolean {
  return !spec.selectionBias && !spec.groups && spec.expertCount <= 1024 && spec.expertsPerToken <= 32;
}

/** Bindings: 1 logits, 2 selection, 3 slot table. */
export function routeKernel(variants: Variants, spec: RouterSpec): Kernel {
  return compose(
    {
      kernel: "route",
      constants: {
        WORKGROUP_SIZE: WIDE_WORKGROUP_SIZE,
        EXPERT_COUNT: spec.expertCount,
        EXPERTS_PER_TOKEN: spec.expertsPerToken,
        SCORE: ["none", "softmax", "sigmoid"].indexOf(spec.score),
        WEIGHTS: ["raw", "renormalized", "softmax"].indexOf(spec.weights),
        WEIGHT_SCALE: float(spec.scale),
      },
    },
    variants,
  );
}

/** Where an expert's matrices lie in its slot, in bytes. */
export interface RecordShape {
  readonly gate: MatrixShape;
  readonly up: MatrixShape;
  readonly down: MatrixShape;
  readonly offsets: { readonly gate: number; readonly up: number; readonly down: number };
  readonly byteLength: number;
  readonly slotsPerPiece: number;
}

/** `row`: ranks of one row, read from a selection; `batch`: work items of a wave. */
export type ExpertWork = "row" | "batch";

function expertConstants(record: RecordShape, work: ExpertWork): Record<string, number> {
  return {
    WORKGROUP_SIZE,
    OUTPUTS,
    TILE_ROWS: work === "batch" ? TILE_ROWS : 1,
    SLOTS_PER_PIECE: record.slotsPerPiece,
    RECORD_BYTES: record.byteLength,
  };
}

const expertModules = (pieces: number, work: ExpertWork): ModuleName[] => [
  work === "batch" ? "work-items" : "work-selection",
  piecesModule(pieces),
  "tile",
];

/** Bindings: 1 x, 2 out. `width`: of the output. */
export function gatedActivationKernel(variants: Variants, width: number): Kernel {
  return compose(
    { kernel: "gated-activation", modules: ["silu"], constants: { WORKGROUP_SIZE, WIDTH: width } },
    variants,
  );
}

export const gatedActivationGrid = (width: number, rows: number): Grid => [
  Math.ceil(width / WORKGROUP_SIZE),
  rows,
  1,
];

/** Gate and up in one pass over x; both of one type. Bindings: 1 x, 2 out, 4 selection or items, 5 entries (items), 8… pieces. */
export function gateUpKernel(
  variants: Variants,
  record: RecordShape,
  work: ExpertWork,
  pieces: number,
  expertsPerToken: number,
): Kernel {
  return compose(
    {
      kernel: "experts-gate-up",
      modules: [...expertModules(pieces, work), "silu"],
      decoder: record.gate.type,
      reduces: true,
      constants: {
        ...expertConstants(record, work),
        LANES: lanesPerRow(rowSpans(record.gate)),
        ...matrixConstants(record.gate),
        GATE_OFFSET: record.offsets.gate,
        UP_OFFSET: record.offsets.up,
        EXPERTS_PER_TOKEN: expertsPerToken,
      },
    },
    variants,
  );
}

/** Workgroups for `items` work items. */
export function gateUpGrid({ gate }: RecordShape, items: number): Grid {
  return [Math.ceil(gate.rows / (WORKGROUP_SIZE / lanesPerRow(rowSpans(gate)))), items, 1];
}

/** One matrix of the experts by itself. */
export interface ExpertLinearShape {
  readonly matrix: ExpertMatrix;
  /** Entries that read the same row of x. */
  readonly entriesPerInput: number;
  /** The result gates what is in its place: out = silu(W · x) ⊙ out. */
  readonly gates: boolean;
}

/** Bindings as of gate and up. */
export function expertLinearKernel(
  variants: Variants,
  record: RecordShape,
  shape: ExpertLinearShape,
  work: ExpertWork,
  pieces: number,
): Kernel {
  const matrix = record[shape.matrix];
  return compose(
    {
      kernel: "experts-linear",
      modules: [
        ...expertModules(pieces, work),
        ...(shape.gates ? (["gate-product", "silu"] as const) : (["gate-none"] as const)),
      ],
      decoder: matrix.type,
      reduces: true,
      constants: {
        ...expertConstants(record, work),
        LANES: lanesPerRow(rowSpans(matrix)),
        ...matrixConstants(matrix),
        MATRIX_OFFSET: record.offsets[shape.matrix],
        ENTRIES_PER_INPUT: shape.entriesPerInput,
      },
    },
    variants,
  );
}

export function expertLinearGrid(matrix: MatrixShape, items: number): Grid {
  const perGroup = (WORKGROUP_SIZE / lanesPerRow(rowSpans(matrix))) * OUTPUTS;
  return [Math.ceil(matrix.rows / perGroup), items, 1];
}

export interface CombineShape {
  readonly width: number;
  readonly expertsPerToken: number;
  readonly shared: boolean;
  readonly scale: number;
}

/** Bindings: 1 expert rows, 2 out, 3 residual, 4 selection, 5 shared. */
export function combineKernel(variants: Variants, shape: CombineShape): Kernel {
  return compose(
    {
      kernel: "combine",
      modules: [shape.shared ? "shared-add" : "shared-none"],
      constants: {
        WORKGROUP_SIZE,
        WIDTH: shape.width,
        EXPERTS_PER_TOKEN: shape.expertsPerToken,
        OUT_SCALE: float(shape.scale),
      },
    },
    variants,
  );
}

export const combineGrid = (width: number, rows: number): Grid => [
  Math.ceil(width / 4 / WORKGROUP_SIZE),
  rows,
  1,
];

/** Bindings: 2 out. What the adapter's subgroups do with invocation numbers. */
export function subgroupProbe(subgroupLanes: number): Kernel {
  const { label, text } = compose(
    { kernel: "probe-subgroups", constants: { WORKGROUP_SIZE, SUBGROUP_LANES: subgroupLanes } },
    { nativeHalf: false },
  );
  return { label, text: `enable subgroups;\n\n${text}` };
}

/** Bindings: 1 words, 2 out. */
export function halfProbe(): Kernel {
  const { label, text } = compose(
    { kernel: "probe-half", modules: ["half-native"], constants: { WORKGROUP_SIZE } },
    { nativeHalf: false },
  );
  return { label, text: `enable f16;\n\n${text}` };
}

export const PROBE_LANES = WORKGROUP_SIZE;
