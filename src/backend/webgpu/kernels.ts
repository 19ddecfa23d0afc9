/**
 * Every kernel's composition from the dimensions it is made for: which modules, which constants, how many
 * workgroups. Dimensions are constants of the text, so that compilers unroll and one uniform a pass is enough.
 */
import type { RopeSpec } from "../../model/plan.ts";
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
import { DECODERS, INT8_DECODERS } from "./decoders.ts";

export const WORKGROUP_SIZE = 64;
/** For kernels that run as one workgroup over many candidates; WebGPU's default limit. */
export const WIDE_WORKGROUP_SIZE = 256;

/** Workgroups in each dimension. */
export type Grid = readonly [number, number, number];

/** A matrix as a kernel sees it. */
export interface MatrixShape {
  readonly type: QuantName;
  readonly rows: number;
  readonly cols: number;
}

/** Whether what a product with such weights multiplies is rounded. */
export function isRounded({ int8 }: Variants, type: QuantName): boolean {
  return int8 === true && INT8_DECODERS[type] !== undefined;
}

/** What lanes share of a row: spans, each decoded by one of them, to numbers or to codes. */
export function rowSpans({ type, cols }: MatrixShape, codes: boolean): number {
  return cols / ((codes ? INT8_DECODERS[type] : undefined) ?? DECODERS[type]).spanElements;
}

export function matrixConstants(shape: MatrixShape, codes: boolean): Record<string, Constant> {
  const { planes } = packedLayout(shape.type, shape.rows, shape.cols);
  const each = (property: "offset" | "rowBytes"): Four => {
    const [x = 0, y = 0, z = 0, w = 0] = planes.map((plane) => plane[property]);
    return [x, y, z, w];
  };
  return {
    MATRIX_ROWS: shape.rows,
    ROW_SPANS: rowSpans(shape, codes),
    PLANE_OFFSETS: each("offset"),
    PLANE_ROW_BYTES: each("rowBytes"),
  };
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
      constants: {
        WORKGROUP_SIZE,
        FIRST_ROW: firstRow,
        OUT_SCALE: float(scale),
        ...matrixConstants(matrix, false),
      },
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

/** How heads of q and k are made from a row of q·k·v. */
export interface HeadTurn {
  readonly rope: RopeSpec;
  readonly norm: HeadNorm | undefined;
}

const turnModules = ({ norm }: HeadTurn): ModuleName[] => [
  "heads",
  norm ? `${norm.span}-norm` : "head-norm-none",
];

const turnConstants = ({ rope, norm }: HeadTurn): Record<string, Constant> => ({
  ROPE_DIMENSION: rope.dimension,
  ROPE_NEOX: rope.pairing === "neox",
  ...(norm && { LANES: WORKGROUP_SIZE, EPS: float(norm.eps) }),
});

/** Bindings: 0 batch, 1 qkv, 2 out, 3 and 4 norms of q and k (normed), 5 turns, 6 keys, 7 values. */
export function ropeCacheKernel(variants: Variants, heads: HeadShape, turn: HeadTurn): Kernel {
  return compose(
    {
      kernel: "rope-cache",
      modules: ["batch", ...turnModules(turn)],
      reduces: turn.norm !== undefined,
      constants: { ...headConstants(heads), ...turnConstants(turn) },
    },
    variants,
  );
}

/** Positions that one workgroup attends to in decode. Part of what a token's bits depend on. */
const ATTENTION_CHUNK = 256;

export const attentionChunks = (positions: number): number => Math.ceil(positions / ATTENTION_CHUNK);

/** Floats that a head of a chunk leaves for `attention-merge`. */
export const attentionChunkFloats = ({ headCount, headDim }: HeadShape): number => headCount * (headDim + 2);

/** Rows of a batch that share what a workgroup reads of the cache. */
const ATTENTION_TILE_ROWS = 4;

/** Prefill. Bindings: 0 batch, 1 q, 2 out, 6 keys, 7 values. */
export function attentionBatchKernel(variants: Variants, heads: HeadShape, scale: number): Kernel {
  return compose(
    {
      kernel: "attention-batch",
      modules: ["batch"],
      constants: { ...headConstants(heads), SCALE: float(scale), TILE_ROWS: ATTENTION_TILE_ROWS },
    },
    variants,
  );
}

export const attentionBatchGrid = ({ headCount }: HeadShape, rows: number): Grid => [
  headCount,
  Math.ceil(rows / ATTENTION_TILE_ROWS),
  1,
];

/**
 * Decode, with what `rope-cache` does. Bindings: 0 batch, 1 qkv, 2 out, 3 and 4 norms of q and k (normed), 5 turns,
 * 6 keys, 7 values, 8 what chunks leave.
 */
export function attentionKernel(variants: Variants, heads: HeadShape, scale: number, turn: HeadTurn): Kernel {
  return compose(
    {
      kernel: "attention",
      modules: ["batch", ...turnModules(turn)],
      reduces: turn.norm !== undefined,
      constants: {
        ...headConstants(heads),
        ...turnConstants(turn),
        SCALE: float(scale),
        CHUNK: ATTENTION_CHUNK,
      },
    },
    variants,
  );
}

/** Bindings: 0 batch, 1 what chunks left, 2 out. */
export function attentionMergeKernel(variants: Variants, { headCount, headDim }: HeadShape): Kernel {
  return compose(
    {
      kernel: "attention-merge",
      modules: ["batch"],
      constants: { WORKGROUP_SIZE, HEAD_COUNT: headCount, HEAD_DIM: headDim, CHUNK: ATTENTION_CHUNK },
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

export interface CombineShape {
  readonly width: number;
  readonly expertsPerToken: number;
  readonly shared: boolean;
  readonly scale: number;
}

const combineConstants = (shape: CombineShape): Record<string, Constant> => ({
  WIDTH: shape.width,
  EXPERTS_PER_TOKEN: shape.expertsPerToken,
  OUT_SCALE: float(shape.scale),
});

const combineModules = ({ shared }: CombineShape): ModuleName[] => [
  shared ? "shared-add" : "shared-none",
  "combined",
];

/** Bindings: 1 expert rows, 2 out, 3 residual, 4 selection, 5 shared. */
export function combineKernel(variants: Variants, shape: CombineShape): Kernel {
  return compose(
    {
      kernel: "combine",
      modules: combineModules(shape),
      constants: { WORKGROUP_SIZE, ...combineConstants(shape) },
    },
    variants,
  );
}

/** Of one row; further bindings: 6 norm, 7 normed. */
export function combineNormKernel(variants: Variants, shape: CombineShape, eps: number): Kernel {
  return compose(
    {
      kernel: "combine-norm",
      modules: combineModules(shape),
      reduces: true,
      constants: {
        WORKGROUP_SIZE: WIDE_WORKGROUP_SIZE,
        LANES: WIDE_WORKGROUP_SIZE,
        ...combineConstants(shape),
        EPS: float(eps),
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

/** Bindings: 1 words, 2 out. Does not compile where the language lacks products of packed bytes. */
export function int8Probe(): Kernel {
  return compose({ kernel: "probe-int8", constants: { WORKGROUP_SIZE } }, { nativeHalf: false });
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
