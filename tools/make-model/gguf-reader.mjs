// @ts-check
/**
 * A GGUF reader for tools that write GGUFs: metadata values as they are in the file, so that they can be copied.
 * It trusts its input, which we made ourselves. It is apart from the engine's reader on purpose: what checks the
 * engine does not share its mistakes.
 */
import { readFile } from "node:fs/promises";

/** Bytes of the fixed-size metadata types, by type number. @type {Readonly<Record<number, number>>} */
const FIXED_BYTES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const STRING = 8;
const ARRAY = 9;

/**
 * @typedef {object} TensorEntry
 * @property {string} name
 * @property {number[]} shape contiguous dimension first
 * @property {number} elementCount
 * @property {number} ggmlType
 * @property {number} offset of its data in the file
 *
 * @typedef {import("./gguf-writer.mjs").Raw} Raw
 */

/**
 * @param {string} path
 * @returns {Promise<{ bytes: Uint8Array, metadata: Map<string, Raw>, tensors: TensorEntry[] }>}
 */
export async function readGguf(path) {
  const bytes = await readFile(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const uint32 = () => {
    at += 4;
    return view.getUint32(at - 4, true);
  };
  const uint64 = () => {
    at += 8;
    return Number(view.getBigUint64(at - 8, true));
  };
  const string = () => {
    const length = uint64();
    at += length;
    return bytes.toString("utf8", at - length, at);
  };
  /** @param {number} type */
  const skip = (type) => {
    if (type === STRING) string();
    else if (type === ARRAY) {
      const of = uint32();
      const length = uint64();
      for (let i = 0; i < length; i++) skip(of);
    } else {
      const size = FIXED_BYTES[type];
      if (size === undefined) throw new Error(`${path}: metadata type ${type} is unknown.`);
      at += size;
    }
  };

  if (bytes.toString("latin1", 0, 4) !== "GGUF") throw new Error(`${path} is not a GGUF.`);
  at = 4;
  const version = uint32();
  if (version !== 3) throw new Error(`${path} is a GGUF of version ${version}, not 3.`);
  const tensorCount = uint64();
  const metadataCount = uint64();
  /** @type {Map<string, Raw>} */
  const metadata = new Map();
  for (let i = 0; i < metadataCount; i++) {
    const key = string();
    const type = uint32();
    const start = at;
    skip(type);
    metadata.set(key, { kind: "raw", type, bytes: bytes.subarray(start, at) });
  }
  const tensors = [];
  for (let i = 0; i < tensorCount; i++) {
    const name = string();
    const shape = Array.from({ length: uint32() }, uint64);
    const ggmlType = uint32();
    tensors.push({ name, shape, elementCount: shape.reduce((a, b) => a * b, 1), ggmlType, offset: uint64() });
  }
  const alignment = metadata.get("general.alignment");
  const unit = alignment ? new DataView(alignment.bytes.slice().buffer).getUint32(0, true) : 32;
  const base = Math.ceil(at / unit) * unit;
  return { bytes, metadata, tensors: tensors.map((tensor) => ({ ...tensor, offset: base + tensor.offset })) };
}
