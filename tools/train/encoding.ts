/** Which encoding each tensor gets, and what it does to the weights. */
import { type CODECS, decode, encode, encodedBytes } from "../../src/backend/testing/quant/codecs.mjs";
import { type FileType, matrixType } from "../make-model/mixes.mjs";
import { type Shape, tensorPlaces } from "./weights.ts";

export type TensorType = keyof typeof CODECS;

export interface Encoding {
  /** Of the matrices. Gains and routers stay F32: they are small, and routers decide. */
  readonly type: FileType;
  /** Of the embedding, which is the output matrix too. */
  readonly embeddingType: TensorType;
}

export function encodingOf(
  name: string,
  rows: number,
  columns: number,
  layerCount: number,
  { type, embeddingType }: Encoding,
): TensorType {
  if (rows === 1 || name.includes("ffn_gate_inp")) return "f32";
  if (name.startsWith("token_embd")) return embeddingType;
  const layer = Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? 0);
  return matrixType(type, name.replace(/\.weight$/, ""), {
    layer,
    layerCount,
    cols: columns,
    tiedOutput: true,
  });
}

/** The weights as they come back from an encoding, and the bytes that they take in it. */
export function encodedAndDecoded(
  shape: Shape,
  values: Float32Array,
  encoding: Encoding,
): { readonly values: Float32Array; readonly byteLength: number } {
  const back = new Float32Array(values.length);
  let byteLength = 0;
  for (const { name, rows, columns, parts } of tensorPlaces(shape)) {
    const type = encodingOf(name, rows, columns, shape.layers, encoding);
    const size = rows * columns;
    for (const at of parts) back.set(decode(type, encode(type, values.subarray(at, at + size)), size), at);
    byteLength += encodedBytes(type, size) * parts.length;
  }
  return { values: back, byteLength };
}
