/**
 * The one table of tensor encodings: how GGUF stores a block, and the planar layout our kernels read.
 *
 * GGUF interleaves scale and quants (34-byte Q8_0 blocks), which no kernel can load in whole words. On arrival
 * each matrix is repacked once into planes: all quants of the matrix, row after row, then all scales.
 *
 * ```
 * Q8_0  [rows × blocks × 32 int8 ] [rows × blocks f16]
 * Q4_0  [rows × blocks × 16 bytes] [rows × blocks f16]   byte j of a block: element j low, j+16 high nibble
 * F16   [rows × cols f16]          F32  [rows × cols f32]
 * ```
 */
export type QuantName = "f32" | "f16" | "q4_0" | "q8_0";

export interface QuantType {
  readonly name: QuantName;
  /** `ggml_type` in the file. */
  readonly ggmlType: number;
  /** Elements and bytes of one block in the file. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** Bytes that one block puts into each plane, in plane order. */
  readonly planes: readonly number[];
}

export const QUANT_TYPES: Readonly<Record<QuantName, QuantType>> = {
  f32: { name: "f32", ggmlType: 0, blockSize: 1, blockBytes: 4, planes: [4] },
  f16: { name: "f16", ggmlType: 1, blockSize: 1, blockBytes: 2, planes: [2] },
  q4_0: { name: "q4_0", ggmlType: 2, blockSize: 32, blockBytes: 18, planes: [16, 2] },
  q8_0: { name: "q8_0", ggmlType: 8, blockSize: 32, blockBytes: 34, planes: [32, 2] },
};

/** The version of the planar layout; part of every store key, so that old stores are never misread. */
export const LAYOUT_VERSION = 1;

/** Planes start at multiples of this many bytes, so that kernels may load 128 bits at a time. */
export const PLANE_ALIGNMENT = 16;

/** Rows of a segment are a multiple of this, so that every plane of every segment starts aligned. */
export const SEGMENT_ROW_MULTIPLE = 8;

export interface PlaneLayout {
  /** From the start of the packed matrix, in bytes. */
  readonly offset: number;
  readonly rowBytes: number;
}

export interface PackedLayout {
  readonly planes: readonly PlaneLayout[];
  /** Multiple of PLANE_ALIGNMENT. */
  readonly byteLength: number;
}

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** Where the planes of a packed `[rows, cols]` matrix lie. */
export function packedLayout(type: QuantName, rows: number, cols: number): PackedLayout {
  const { blockSize, planes } = QUANT_TYPES[type];
  let offset = 0;
  const laid: PlaneLayout[] = planes.map((bytes) => {
    const rowBytes = (cols / blockSize) * bytes;
    const plane = { offset, rowBytes };
    offset = alignUp(offset + rowBytes * rows, PLANE_ALIGNMENT);
    return plane;
  });
  return { planes: laid, byteLength: offset };
}

/** Bytes of one row in the file. */
export function fileRowBytes(type: QuantName, cols: number): number {
  const { blockSize, blockBytes } = QUANT_TYPES[type];
  return (cols / blockSize) * blockBytes;
}

/** Consecutive rows of a matrix, packed as a matrix of their own (`packedLayout(type, rowCount, cols)`). */
export interface PackedRows {
  readonly rowStart: number;
  readonly rowCount: number;
  readonly bytes: Uint8Array;
}
