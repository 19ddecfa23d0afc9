/**
 * The one table of tensor encodings: how GGUF stores a block, and the planar layout our kernels read.
 *
 * GGUF interleaves scales and quants (34-byte Q8_0 blocks), which no kernel can load in whole words. On arrival
 * each matrix is repacked once: every field of the block goes to a plane, row after row, and fields that are read
 * together share one. Bytes inside a field keep the file's order, which `ggml-common.h` and `ggml-quants.c` define:
 *
 * ```
 * type    elements, planes of a block in bytes             value of an element
 * f32       1  [4]                                         itself; so f16 and bf16 [2]
 * q8_0     32  [32 qs] [2 d]                               d·q, q int8
 * q4_0     32  [16 qs] [2 d]                               d·(q − 8); byte j: element j low, j + 16 high nibble
 * q4_1     32  [16 qs] [4 d m]                             d·q + m; nibbles as q4_0
 * q5_0     32  [16 qs] [4 qh] [2 d]                        d·(q − 16); bit j of qh is the fifth bit of element j
 * q5_1     32  [16 qs] [4 qh] [4 d m]                      d·q + m
 * q2_k    256  [64 qs] [16 scales] [4 d dmin]              d·s·q − dmin·t; 16 elements: s low, t high nibble
 * q3_k    256  [64 qs] [32 hmask] [12 scales] [2 d]        d·(s − 32)·(q − 4 + 4·h); 16 elements: 6-bit s
 * q4_k    256  [128 qs] [12 scales] [4 d dmin]             d·s·q − dmin·t; 32 elements: 6-bit s and t
 * q5_k    256  [128 qs] [32 qh] [12 scales] [4 d dmin]     as q4_k, the fifth bits in qh
 * q6_k    256  [128 ql] [64 qh] [16 scales] [2 d]          d·s·(q − 32); 16 elements: int8 s
 * iq4_nl   32  [16 qs] [2 d]                               d·level[q]: 16 uneven levels; nibbles as q4_0
 * iq4_xs  256  [128 qs] [8 d scales_h scales_l]            d·(s − 32)·level[q]; 32 elements: 6-bit s
 * mxfp4    32  [16 qs] [1 e]                               2^(e − 127)·q, q a 4-bit float (E2M1); nibbles as q4_0
 * tq1_0   256  [48 qs] [4 qh] [2 d]                        d·(q − 1); five base-3 digits a byte of qs, four of qh
 * tq2_0   256  [64 qs] [2 d]                               d·(q − 1); four 2-bit digits a byte
 * ```
 */
export type QuantName =
  | "f32"
  | "f16"
  | "bf16"
  | "q4_0"
  | "q4_1"
  | "q5_0"
  | "q5_1"
  | "q8_0"
  | "q2_k"
  | "q3_k"
  | "q4_k"
  | "q5_k"
  | "q6_k"
  | "iq4_nl"
  | "iq4_xs"
  | "mxfp4"
  | "tq1_0"
  | "tq2_0";

/** Floating-point formats that scales and plain elements have. */
export type FloatFormat = "f32" | "f16" | "bf16" | "e8m0";

/** A number is infinite or NaN if all bits of `exponentMask` are set (E8M0, an exponent alone, has only NaN). */
export const FLOAT_FORMATS: Readonly<Record<FloatFormat, { bytes: 1 | 2 | 4; exponentMask: number }>> = {
  f32: { bytes: 4, exponentMask: 0x7f800000 },
  f16: { bytes: 2, exponentMask: 0x7c00 },
  bf16: { bytes: 2, exponentMask: 0x7f80 },
  e8m0: { bytes: 1, exponentMask: 0xff },
};

/** Consecutive bytes of a block that stay together. */
export interface BlockField {
  readonly name: string;
  /** From the start of the block in the file. */
  readonly offset: number;
  readonly bytes: number;
  readonly plane: number;
  /** From the start of what the block has in its plane. */
  readonly planeOffset: number;
  /** The field is numbers of this format, all of which must be finite. */
  readonly floats?: FloatFormat;
}

export interface QuantType {
  readonly name: QuantName;
  /** `ggml_type` in the file. */
  readonly ggmlType: number;
  /** Elements and bytes of one block in the file. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** In the file's order; together they are the whole block. */
  readonly fields: readonly BlockField[];
  /** Bytes that one block puts into each plane, in plane order. */
  readonly planes: readonly number[];
}

/** Length and plane of a field, and its number format if it is floats. */
type FieldRow = readonly [bytes: number, plane: number, floats?: FloatFormat];

/** A type from its block's fields, named as in `ggml-common.h`, in the file's order. */
function quantType(
  name: QuantName,
  ggmlType: number,
  blockSize: number,
  rows: Readonly<Record<string, FieldRow>>,
): QuantType {
  const planes: number[] = new Array(Math.max(...Object.values(rows).map(([, plane]) => plane)) + 1).fill(0);
  let blockBytes = 0;
  const fields = Object.entries(rows).map(([fieldName, [bytes, plane, floats]]): BlockField => {
    const planeOffset = planes[plane]!;
    const place = { name: fieldName, offset: blockBytes, bytes, plane, planeOffset };
    planes[plane] = planeOffset + bytes;
    blockBytes += bytes;
    return floats ? { ...place, floats } : place;
  });
  return { name, ggmlType, blockSize, blockBytes, fields, planes };
}

export const QUANT_TYPES: Readonly<Record<QuantName, QuantType>> = {
  f32: quantType("f32", 0, 1, { x: [4, 0, "f32"] }),
  f16: quantType("f16", 1, 1, { x: [2, 0, "f16"] }),
  bf16: quantType("bf16", 30, 1, { x: [2, 0, "bf16"] }),
  q4_0: quantType("q4_0", 2, 32, { d: [2, 1, "f16"], qs: [16, 0] }),
  q4_1: quantType("q4_1", 3, 32, { dm: [4, 1, "f16"], qs: [16, 0] }),
  q5_0: quantType("q5_0", 6, 32, { d: [2, 2, "f16"], qh: [4, 1], qs: [16, 0] }),
  q5_1: quantType("q5_1", 7, 32, { dm: [4, 2, "f16"], qh: [4, 1], qs: [16, 0] }),
  q8_0: quantType("q8_0", 8, 32, { d: [2, 1, "f16"], qs: [32, 0] }),
  q2_k: quantType("q2_k", 10, 256, { scales: [16, 1], qs: [64, 0], dm: [4, 2, "f16"] }),
  q3_k: quantType("q3_k", 11, 256, { hmask: [32, 1], qs: [64, 0], scales: [12, 2], d: [2, 3, "f16"] }),
  q4_k: quantType("q4_k", 12, 256, { dm: [4, 2, "f16"], scales: [12, 1], qs: [128, 0] }),
  q5_k: quantType("q5_k", 13, 256, { dm: [4, 3, "f16"], scales: [12, 2], qh: [32, 1], qs: [128, 0] }),
  q6_k: quantType("q6_k", 14, 256, { ql: [128, 0], qh: [64, 1], scales: [16, 2], d: [2, 3, "f16"] }),
  iq4_nl: quantType("iq4_nl", 20, 32, { d: [2, 1, "f16"], qs: [16, 0] }),
  iq4_xs: quantType("iq4_xs", 23, 256, { d: [2, 1, "f16"], scales: [6, 1], qs: [128, 0] }),
  mxfp4: quantType("mxfp4", 39, 32, { e: [1, 1, "e8m0"], qs: [16, 0] }),
  tq1_0: quantType("tq1_0", 34, 256, { qs: [48, 0], qh: [4, 1], d: [2, 2, "f16"] }),
  tq2_0: quantType("tq2_0", 35, 256, { qs: [64, 0], d: [2, 1, "f16"] }),
};

/** The version of the planar layout; part of every store key, so that old stores are never misread. */
export const LAYOUT_VERSION = 1;

/** Planes start at multiples of this many bytes, so that kernels may load 128 bits at a time. */
export const PLANE_ALIGNMENT = 16;

/** Rows of a segment are a multiple of this, so that planes of a single byte a row start aligned in every segment. */
export const SEGMENT_ROW_MULTIPLE = 16;

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
