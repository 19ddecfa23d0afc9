import { EXPERT_MATRICES, type ExpertMatrix, type TensorSpec } from "../model/plan.ts";
import {
  fileRowBytes,
  LAYOUT_VERSION,
  type PackedRows,
  packedLayout,
  SEGMENT_ROW_MULTIPLE,
} from "../model/quantization.ts";
import type { RecordLocation, TensorLocation } from "./parts.ts";

/** File bytes of a segment, unless SEGMENT_ROW_MULTIPLE rows take more. */
const MAX_SEGMENT_BYTES = 16 * 1024 * 1024;

/** A part: consecutive rows of one matrix, where they lie in the file, and their key in the store. */
export interface Part {
  readonly key: string;
  readonly spec: TensorSpec;
  readonly file: number;
  readonly offset: number;
  readonly fileBytes: number;
  readonly rowStart: number;
  readonly rowCount: number;
  /** Bytes in the packed layout. */
  readonly byteLength: number;
}

/** A part of an expert record. */
export interface ExpertPart extends Part {
  readonly matrix: ExpertMatrix;
}

/** Keys of everything that is stored of a model in this layout start with this. */
export const partPrefix = (modelKey: string): string => `${modelKey}/L${LAYOUT_VERSION}/`;

export const headerKey = (modelKey: string, file: number): string => `${partPrefix(modelKey)}header/${file}`;

/** Rows of a segment: as many as fit MAX_SEGMENT_BYTES, and a multiple of SEGMENT_ROW_MULTIPLE. */
export function segmentRows(spec: TensorSpec): number {
  const fitting = MAX_SEGMENT_BYTES / fileRowBytes(spec.type, spec.cols);
  return Math.max(1, Math.floor(fitting / SEGMENT_ROW_MULTIPLE)) * SEGMENT_ROW_MULTIPLE;
}

function* segmentsOf({ spec, file, offset }: TensorLocation, keyStem: string): Generator<Part> {
  const rowBytes = fileRowBytes(spec.type, spec.cols);
  const step = segmentRows(spec);
  for (let rowStart = 0, index = 0; rowStart < spec.rows; rowStart += step, index++) {
    const rowCount = Math.min(step, spec.rows - rowStart);
    yield {
      key: `${keyStem}/${index}`,
      spec,
      file,
      offset: offset + rowStart * rowBytes,
      fileBytes: rowCount * rowBytes,
      rowStart,
      rowCount,
      byteLength: packedLayout(spec.type, rowCount, spec.cols).byteLength,
    };
  }
}

/** Parts of a trunk tensor, by ascending row. */
export function trunkParts(modelKey: string, location: TensorLocation): Part[] {
  return [...segmentsOf(location, `${partPrefix(modelKey)}trunk/${location.spec.name}`)];
}

/** Parts of an expert record: gate, up, down, each by ascending row. */
export function recordParts(modelKey: string, record: RecordLocation): ExpertPart[] {
  const stem = `${partPrefix(modelKey)}expert/${record.layer}/${record.expert}`;
  return EXPERT_MATRICES.flatMap((matrix) =>
    [...segmentsOf(record.matrices[matrix], `${stem}/${matrix}`)].map((part) => ({ ...part, matrix })),
  );
}

/** A part's bytes as the rows they are. */
export const packedRows = ({ rowStart, rowCount }: Part, bytes: Uint8Array): PackedRows => ({
  rowStart,
  rowCount,
  bytes,
});
