// @ts-check
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

/**
 * GGUF version 3, little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 *
 * @typedef {"uint32" | "int32" | "float32" | "bool" | "string"} ScalarKind
 * @typedef {{ kind: ScalarKind, value: number | boolean | string }} Scalar
 * @typedef {{ kind: "array", of: ScalarKind, value: readonly (number | boolean | string)[] }} List
 * @typedef {{ kind: "raw", type: number, bytes: Uint8Array }} Raw a value copied from another file
 * @typedef {Scalar | List | Raw} MetadataValue
 *
 * @typedef {object} TensorToWrite
 * @property {string} name
 * @property {readonly number[]} shape contiguous dimension first, as in the file
 * @property {number} ggmlType
 * @property {number} byteLength
 * @property {() => Uint8Array | Promise<Uint8Array>} data called once, in file order
 */

const KIND_NUMBERS = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 };
const ALIGNMENT = 32;

/** @param {number} size */
const padding = (size) => (ALIGNMENT - (size % ALIGNMENT)) % ALIGNMENT;

function byteWriter() {
  /** @type {Uint8Array[]} */
  const chunks = [];
  /** @param {number} size @param {(view: DataView) => void} fill */
  const fixed = (size, fill) => {
    const view = new DataView(new ArrayBuffer(size));
    fill(view);
    chunks.push(new Uint8Array(view.buffer));
  };
  const writer = {
    /** @param {number} value */
    uint32: (value) => fixed(4, (view) => view.setUint32(0, value, true)),
    /** @param {number} value */
    uint64: (value) => fixed(8, (view) => view.setBigUint64(0, BigInt(value), true)),
    /** @param {string} text */
    string: (text) => {
      const bytes = new TextEncoder().encode(text);
      writer.uint64(bytes.length);
      chunks.push(bytes);
    },
    /** @param {ScalarKind} kind @param {number | boolean | string} value */
    scalar: (kind, value) => {
      if (kind === "string") writer.string(String(value));
      else if (kind === "bool") fixed(1, (view) => view.setUint8(0, value ? 1 : 0));
      else if (kind === "float32") fixed(4, (view) => view.setFloat32(0, Number(value), true));
      else if (kind === "int32") fixed(4, (view) => view.setInt32(0, Number(value), true));
      else writer.uint32(Number(value));
    },
    /** @param {Uint8Array} bytes */
    bytes: (bytes) => chunks.push(bytes),
    finish: () => Buffer.concat(chunks),
  };
  return writer;
}

/**
 * @param {ReadonlyMap<string, MetadataValue>} metadata
 * @param {readonly TensorToWrite[]} tensors
 */
function headerBytes(metadata, tensors) {
  const out = byteWriter();
  out.bytes(new TextEncoder().encode("GGUF"));
  out.uint32(3);
  out.uint64(tensors.length);
  out.uint64(metadata.size);
  for (const [key, entry] of metadata) {
    out.string(key);
    if (entry.kind === "raw") {
      out.uint32(entry.type);
      out.bytes(entry.bytes);
    } else if (entry.kind === "array") {
      out.uint32(KIND_NUMBERS.array);
      out.uint32(KIND_NUMBERS[entry.of]);
      out.uint64(entry.value.length);
      for (const value of entry.value) out.scalar(entry.of, value);
    } else {
      out.uint32(KIND_NUMBERS[entry.kind]);
      out.scalar(entry.kind, entry.value);
    }
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.string(tensor.name);
    out.uint32(tensor.shape.length);
    for (const dimension of tensor.shape) out.uint64(dimension);
    out.uint32(tensor.ggmlType);
    out.uint64(offset);
    offset += tensor.byteLength + padding(tensor.byteLength);
  }
  const header = out.finish();
  return Buffer.concat([header, new Uint8Array(padding(header.length))]);
}

/**
 * Writes a GGUF, one tensor in memory at a time.
 * @param {string} path
 * @param {ReadonlyMap<string, MetadataValue>} metadata
 * @param {readonly TensorToWrite[]} tensors
 * @returns {Promise<{ byteLength: number, sha256: string }>}
 */
export async function writeGguf(path, metadata, tensors) {
  const file = await open(path, "w");
  const hash = createHash("sha256");
  let byteLength = 0;
  /** @param {Uint8Array} bytes */
  const append = async (bytes) => {
    hash.update(bytes);
    byteLength += bytes.length;
    await file.writeFile(bytes);
  };
  try {
    await append(headerBytes(metadata, tensors));
    for (const tensor of tensors) {
      const bytes = await tensor.data();
      if (bytes.length !== tensor.byteLength) {
        throw new Error(`${tensor.name} has ${bytes.length} bytes, not ${tensor.byteLength}.`);
      }
      await append(bytes);
      await append(new Uint8Array(padding(bytes.length)));
    }
  } finally {
    await file.close();
  }
  return { byteLength, sha256: hash.digest("hex") };
}
