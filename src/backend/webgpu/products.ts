/**
 * Compositions of the kernels that multiply matrices: one row of x in decode (`product-vector`), tiles of a batch in
 * prefill (`product-matrix`). How the work is divided depends on the matrix alone, so a row's bits do.
 */
import type { ExpertMatrix } from "../../model/plan.ts";
import type { QuantName } from "../../model/quantization.ts";
import { type Constant, compose, float, type Kernel, type ModuleName, type Variants } from "./compose.ts";
import { DECODERS } from "./decoders.ts";
import {
  type Grid,
  isRounded,
  type MatrixShape,
  matrixConstants,
  rowSpans,
  WORKGROUP_SIZE,
} from "./kernels.ts";

/** Rows of x that share the weights a workgroup decodes: of a batch, and of those that picked an expert. */
const BATCH_TILE_ROWS = 32;
export const EXPERT_TILE_ROWS = 16;
/** Matrix rows that a workgroup decodes for them. */
const TILE_OUTPUTS = 32;
/** Elements of each row that it holds at a time: two such tiles fit the least workgroup memory of any device. */
const STEP_ELEMENTS = 32;
/** Workgroups in one dimension that any device allows. */
const MAX_GROUPS = 65535;

/** Lanes that share a row: as many as waste the fewest loads, at most 32; the larger where two waste the same. */
export function lanesPerRow(spans: number): number {
  const waste = (lanes: number): number => Math.ceil(spans / lanes) * lanes;
  return [32, 16, 8, 4].reduce((best, lanes) => (waste(lanes) < waste(best) ? lanes : best));
}

/**
 * Matrix rows that a team of lanes may take: more share what a lane reads of x, fewer leave more workgroups to hide
 * latency. No choice changes a bit.
 */
export const TEAM_ROWS: readonly number[] = [1, 2, 4];

const MEDIUM_ROWS = 512;
const LARGE_ROWS = 8192;

/** Where nothing was timed. `together`: matrix rows that are multiplied in one dispatch. */
export function defaultTeamRows(together: number): number {
  if (together >= LARGE_ROWS) return 4;
  return together >= MEDIUM_ROWS ? 2 : 1;
}

function rowsPerTeam({ teamRows }: Variants, type: QuantName, together: number): number {
  const tuned = teamRows?.[type];
  if (!tuned || together < MEDIUM_ROWS) return defaultTeamRows(together);
  return together >= LARGE_ROWS ? tuned.large : tuned.medium;
}

/** Workgroups for `count` outputs, over two dimensions where one is too short. */
function spread(count: number): readonly [number, number] {
  const y = Math.ceil(count / MAX_GROUPS);
  return [Math.ceil(count / y), y];
}

/** How a product divides its work. */
interface Division {
  readonly module: ModuleName;
  /** Whether x is rounded, and weights are decoded to codes. */
  readonly codes: boolean;
  /** Whether lanes' sums are added. */
  readonly reduces: boolean;
  readonly constants: Readonly<Record<string, Constant>>;
  /** Units of a workgroup: a matrix row, or one of each of the matrices that are multiplied together. */
  readonly unitsPerGroup: number;
}

function vectorDivision(
  variants: Variants,
  matrix: MatrixShape,
  matrices: number,
  together: number,
): Division {
  const codes = isRounded(variants, matrix.type);
  const lanes = lanesPerRow(rowSpans(matrix, codes));
  const units = Math.max(1, rowsPerTeam(variants, matrix.type, together) / matrices);
  return {
    module: codes ? "int8-vector" : "product-vector",
    codes,
    reduces: true,
    constants: { LANES: lanes, UNITS: units },
    unitsPerGroup: (WORKGROUP_SIZE / lanes) * units,
  };
}

function matrixDivision(
  variants: Variants,
  matrix: MatrixShape,
  matrices: number,
  tileRows: number,
): Division {
  const codes = isRounded(variants, matrix.type);
  const stepSpans = Math.max(1, STEP_ELEMENTS / DECODERS[matrix.type].spanElements);
  return {
    module: codes ? "int8-matrix" : "product-matrix",
    codes,
    reduces: false,
    constants: { TILE_OUTPUTS, TILE_ROWS: tileRows, ...(!codes && { STEP_SPANS: stepSpans }) },
    unitsPerGroup: TILE_OUTPUTS / matrices,
  };
}

function gridOf(matrix: MatrixShape, { unitsPerGroup }: Division, items: number): Grid {
  return [...spread(Math.ceil(matrix.rows / unitsPerGroup)), items];
}

export interface LinearShape {
  readonly matrix: MatrixShape;
  /** One row of x, or all rows of the batch. */
  readonly rows: "one" | "batch";
  /** RMSNorm of x (one row) on the way; `kept` writes it too, for kernels that come later. */
  readonly norm?: { readonly eps: number; readonly kept: boolean } | undefined;
  readonly residual: boolean;
  readonly bias: boolean;
  readonly scale: number;
  /** Width of an output row, and where the matrix's outputs start in it. */
  readonly outWidth: number;
  readonly outOffset: number;
}

const divideLinear = (variants: Variants, { matrix, rows }: LinearShape): Division =>
  rows === "one"
    ? vectorDivision(variants, matrix, 1, matrix.rows)
    : matrixDivision(variants, matrix, 1, BATCH_TILE_ROWS);

function inputModules({ rows, norm }: LinearShape): ModuleName[] {
  if (rows === "batch") return ["batch", "rows-batch"];
  if (!norm) return ["input-plain"];
  return ["input-normed", norm.kept ? "normed-kept" : "normed-dropped"];
}

/** Bindings: 0 batch (rows = batch), 1 x, 2 out, 3 residual, 4 norm, 5 what is kept of it, 7 bias, 8 weights. */
export function linearKernel(variants: Variants, shape: LinearShape): Kernel {
  const { module, codes, reduces, constants } = divideLinear(variants, shape);
  return compose(
    {
      kernel: "linear",
      modules: [
        ...inputModules(shape),
        shape.residual ? "residual-add" : "residual-none",
        shape.bias ? "bias-add" : "bias-none",
        "pieces-1",
        module,
      ],
      decoder: shape.matrix.type,
      codes,
      reduces,
      constants: {
        WORKGROUP_SIZE,
        ...constants,
        // The one row is the one item's.
        ...(shape.rows === "one" && { TILE_ROWS: 1 }),
        ...(shape.norm && { EPS: float(shape.norm.eps) }),
        ...matrixConstants(shape.matrix, codes),
        OUT_WIDTH: shape.outWidth,
        OUT_OFFSET: shape.outOffset,
        OUT_SCALE: float(shape.scale),
      },
    },
    variants,
  );
}

export function linearGrid(variants: Variants, shape: LinearShape, rows: number): Grid {
  const items = shape.rows === "batch" ? Math.ceil(rows / BATCH_TILE_ROWS) : 1;
  return gridOf(shape.matrix, divideLinear(variants, shape), items);
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

/** A token's experts are multiplied together; how many they are matters little. */
const EXPERTS_TOGETHER = 4;

const divideExperts = (
  variants: Variants,
  matrix: MatrixShape,
  matrices: number,
  work: ExpertWork,
): Division =>
  work === "row"
    ? vectorDivision(variants, matrix, matrices, matrix.rows * matrices * EXPERTS_TOGETHER)
    : matrixDivision(variants, matrix, matrices, EXPERT_TILE_ROWS);

function expertModules(pieces: number, work: ExpertWork): ModuleName[] {
  const slab = (["pieces-1", "pieces-2", "pieces-3", "pieces-4"] as const)[pieces - 1]!;
  return [
    slab,
    ...(work === "batch" ? (["work-items"] as const) : (["work-selection", "input-plain"] as const)),
  ];
}

/** Gate and up in one pass over x; both of one type. Bindings: 1 x, 2 out, 4 selection or items, 5 entries (items), 8… pieces. */
export function gateUpKernel(
  variants: Variants,
  record: RecordShape,
  work: ExpertWork,
  pieces: number,
  expertsPerToken: number,
): Kernel {
  const { module, codes, reduces, constants } = divideExperts(variants, record.gate, 2, work);
  return compose(
    {
      kernel: "experts-gate-up",
      modules: [...expertModules(pieces, work), module, "silu"],
      decoder: record.gate.type,
      codes,
      reduces,
      constants: {
        WORKGROUP_SIZE,
        ...constants,
        SLOTS_PER_PIECE: record.slotsPerPiece,
        RECORD_BYTES: record.byteLength,
        ...matrixConstants(record.gate, codes),
        GATE_OFFSET: record.offsets.gate,
        UP_OFFSET: record.offsets.up,
        EXPERTS_PER_TOKEN: expertsPerToken,
      },
    },
    variants,
  );
}

/** Workgroups for `items` work items. */
export function gateUpGrid(variants: Variants, { gate }: RecordShape, work: ExpertWork, items: number): Grid {
  return gridOf(gate, divideExperts(variants, gate, 2, work), items);
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
  const { module, codes, reduces, constants } = divideExperts(variants, matrix, 1, work);
  return compose(
    {
      kernel: "experts-linear",
      modules: [
        ...expertModules(pieces, work),
        module,
        ...(shape.gates ? (["gate-product", "silu"] as const) : (["gate-none"] as const)),
      ],
      decoder: matrix.type,
      codes,
      reduces,
      constants: {
        WORKGROUP_SIZE,
        ...constants,
        SLOTS_PER_PIECE: record.slotsPerPiece,
        RECORD_BYTES: record.byteLength,
        ...matrixConstants(matrix, codes),
        MATRIX_OFFSET: record.offsets[shape.matrix],
        ENTRIES_PER_INPUT: shape.entriesPerInput,
      },
    },
    variants,
  );
}

export function expertLinearGrid(
  variants: Variants,
  matrix: MatrixShape,
  work: ExpertWork,
  items: number,
): Grid {
  return gridOf(matrix, divideExperts(variants, matrix, 1, work), items);
}
