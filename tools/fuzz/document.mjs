// @ts-check
/**
 * A GGUF as data that may say anything: what the writer of `tools/make-model` would never write. Counts, offsets
 * and ranks are what the content says unless a lie is given.
 *
 * @typedef {object} Key
 * @property {string} name
 * @property {number} type of VALUE_TYPES
 * @property {Uint8Array} value as it is in the file
 *
 * @typedef {object} Tensor
 * @property {string} name
 * @property {bigint[]} shape contiguous dimension first
 * @property {number} type `ggml_type`
 * @property {Uint8Array} data
 * @property {number} [rank] a lie about how many dimensions follow
 * @property {bigint} [offset] a lie about where the data lie
 *
 * @typedef {object} Document
 * @property {string} architecture what the file is made for: the prefix of its keys
 * @property {Key[]} keys
 * @property {Tensor[]} tensors
 * @property {bigint} [keyCount] a lie
 * @property {bigint} [tensorCount] a lie
 *
 * @typedef {object} Field a number in the header that says how much or where
 * @property {string} name
 * @property {number} at
 * @property {4 | 8} size
 *
 * @typedef {object} GgufFile
 * @property {Uint8Array} bytes
 * @property {number} headerBytes
 * @property {Field[]} fields
 */

/** Value types by name (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). */
export const VALUE_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
};
/** @typedef {keyof typeof VALUE_TYPES} ValueType */

const ALIGNMENT = 32;
const VERSION = 3;
const text = new TextEncoder();

/** @param {number} size @param {(view: DataView) => void} fill */
function fixed(size, fill) {
  const view = new DataView(new ArrayBuffer(size));
  fill(view);
  return new Uint8Array(view.buffer);
}
/** @param {number} value */
const u32 = (value) => fixed(4, (view) => view.setUint32(0, value, true));
/** @param {bigint} value its low 64 bits */
const u64 = (value) => fixed(8, (view) => view.setBigUint64(0, BigInt.asUintN(64, value), true));
/** @param {string} value */
function string(value) {
  const bytes = text.encode(value);
  return Buffer.concat([u64(BigInt(bytes.length)), bytes]);
}

/** @type {Record<Exclude<ValueType, "array">, (value: number | boolean | string) => Uint8Array>} */
const ENCODERS = {
  u8: (value) => Uint8Array.of(Number(value)),
  i8: (value) => Uint8Array.of(Number(value)),
  bool: (value) => Uint8Array.of(Number(value)),
  u16: (value) => fixed(2, (view) => view.setUint16(0, Number(value), true)),
  i16: (value) => fixed(2, (view) => view.setInt16(0, Number(value), true)),
  u32: (value) => u32(Number(value)),
  i32: (value) => fixed(4, (view) => view.setInt32(0, Number(value), true)),
  f32: (value) => fixed(4, (view) => view.setFloat32(0, Number(value), true)),
  f64: (value) => fixed(8, (view) => view.setFloat64(0, Number(value), true)),
  u64: (value) => u64(wholeOf(value)),
  i64: (value) => u64(wholeOf(value)),
  string: (value) => string(String(value)),
};

/** @param {number | boolean | string} value */
const wholeOf = (value) => (Number.isFinite(Number(value)) ? BigInt(Math.trunc(Number(value))) : 0n);

/**
 * A scalar as it is in the file.
 * @param {Exclude<ValueType, "array">} type @param {number | boolean | string} value
 */
export const encodeScalar = (type, value) => ENCODERS[type](value);

/**
 * An array as it is in the file. `count` may lie about how many elements follow.
 * @param {Exclude<ValueType, "array">} type @param {readonly (number | boolean | string)[]} values
 * @param {number} [count]
 */
export function encodeArray(type, values, count = values.length) {
  return Buffer.concat([
    u32(VALUE_TYPES[type]),
    u64(BigInt(count)),
    ...values.map((value) => encodeScalar(type, value)),
  ]);
}

/**
 * @param {string} architecture
 * @param {ReadonlyMap<string, import("../make-model/gguf-writer.mjs").MetadataValue>} metadata
 * @param {readonly import("../make-model/gguf-writer.mjs").TensorToWrite[]} tensors
 * @returns {Promise<Document>}
 */
export async function documentOf(architecture, metadata, tensors) {
  /** @type {Record<import("../make-model/gguf-writer.mjs").ScalarKind, Exclude<ValueType, "array">>} */
  const typeOfKind = { uint32: "u32", int32: "i32", float32: "f32", bool: "bool", string: "string" };
  /** @param {string} name @param {import("../make-model/gguf-writer.mjs").MetadataValue} value @returns {Key} */
  const key = (name, value) => {
    if (value.kind === "raw") return { name, type: value.type, value: value.bytes };
    if (value.kind === "array")
      return { name, type: VALUE_TYPES.array, value: encodeArray(typeOfKind[value.of], value.value) };
    const type = typeOfKind[value.kind];
    return { name, type: VALUE_TYPES[type], value: encodeScalar(type, value.value) };
  };
  return {
    architecture,
    keys: Array.from(metadata, ([name, value]) => key(name, value)),
    tensors: await Promise.all(
      tensors.map(async ({ name, shape, ggmlType, data }) => ({
        name,
        shape: shape.map(BigInt),
        type: ggmlType,
        data: await data(),
      })),
    ),
  };
}

/** A copy whose parts may be changed; bytes are shared and must be replaced, never written. @param {Document} document @returns {Document} */
export const copyOf = (document) => ({
  ...document,
  keys: document.keys.map((key) => ({ ...key })),
  tensors: document.tensors.map((tensor) => ({ ...tensor, shape: [...tensor.shape] })),
});

/** @param {number} size */
const padding = (size) => (ALIGNMENT - (size % ALIGNMENT)) % ALIGNMENT;

/** @param {Document} document @returns {GgufFile} */
export function serialize({ keys, tensors, keyCount, tensorCount }) {
  /** @type {Uint8Array[]} */
  const chunks = [];
  /** @type {Field[]} */
  const fields = [];
  let at = 0;
  /** @param {Uint8Array} bytes */
  const put = (bytes) => {
    chunks.push(bytes);
    at += bytes.length;
  };
  /** @param {string} name @param {Uint8Array} bytes */
  const field = (name, bytes) => {
    fields.push({ name, at, size: bytes.length === 4 ? 4 : 8 });
    put(bytes);
  };
  /** @param {string} what @param {string} value */
  const name = (what, value) => {
    fields.push({ name: `length of ${what} ${value}`, at, size: 8 });
    put(string(value));
  };

  put(text.encode("GGUF"));
  field("version", u32(VERSION));
  field("tensor count", u64(tensorCount ?? BigInt(tensors.length)));
  field("key count", u64(keyCount ?? BigInt(keys.length)));
  for (const key of keys) {
    name("key", key.name);
    field(`type of key ${key.name}`, u32(key.type));
    if (key.type === VALUE_TYPES.array && key.value.length >= 12) {
      fields.push({ name: `element type of ${key.name}`, at, size: 4 });
      fields.push({ name: `element count of ${key.name}`, at: at + 4, size: 8 });
    } else if (key.type === VALUE_TYPES.string && key.value.length >= 8) {
      fields.push({ name: `length of ${key.name}`, at, size: 8 });
    }
    put(key.value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    name("tensor", tensor.name);
    field(`rank of ${tensor.name}`, u32(tensor.rank ?? tensor.shape.length));
    tensor.shape.forEach((extent, i) => {
      field(`dimension ${i} of ${tensor.name}`, u64(extent));
    });
    field(`type of ${tensor.name}`, u32(tensor.type));
    field(`offset of ${tensor.name}`, u64(tensor.offset ?? BigInt(offset)));
    offset += tensor.data.length + padding(tensor.data.length);
  }
  put(new Uint8Array(padding(at)));
  const headerBytes = at;
  for (const { data } of tensors) {
    put(data);
    put(new Uint8Array(padding(data.length)));
  }
  return { bytes: Buffer.concat(chunks), headerBytes, fields };
}
