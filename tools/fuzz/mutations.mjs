// @ts-check
/**
 * What can be wrong with a file. A mutation changes the document before it is written, or the bytes after; it says
 * in words what it did.
 *
 * @typedef {import("./document.mjs").Document} Document
 * @typedef {import("./document.mjs").GgufFile} GgufFile
 * @typedef {import("./random.mjs").Random} Random
 * @typedef {(document: Document, random: Random) => string} DocumentMutation
 * @typedef {(file: GgufFile, random: Random) => string} BytesMutation
 */
import { CODECS } from "../../src/backend/testing/quant/codecs.mjs";
import { encodeArray, encodeScalar, VALUE_TYPES } from "./document.mjs";
import {
  ARCHITECTURES,
  HOSTILE_COUNTS,
  HOSTILE_NUMBERS,
  HOSTILE_TEXTS,
  hostileArray,
  hostileScalar,
  NUMBERS,
  OTHER_HYPERPARAMETERS,
  OTHER_KEYS,
  short,
} from "./hostile-values.mjs";

/** Where a block has its f16 scale, in bytes from its start, by `ggml_type`. */
const SCALES = new Map(
  Object.entries({
    ...{ q4_0: 0, q4_1: 0, q5_0: 0, q5_1: 0, q8_0: 0, iq4_nl: 0, iq4_xs: 0, q4_k: 0, q5_k: 0 },
    ...{ q2_k: 80, q3_k: 108, q6_k: 208, tq1_0: 52, tq2_0: 64 },
  }).map(([name, at]) => {
    const { ggmlType, blockBytes } =
      CODECS[/** @type {import("../make-model/mixes.mjs").TensorType} */ (name)];
    return [ggmlType, { blockBytes, at }];
  }),
);

/** @param {Random} random @param {Document} document */
const anyKey = (random, document) => random.of(document.keys);
/** @param {Random} random @param {Document} document */
const anyTensor = (random, document) => random.of(document.tensors);
/** @param {Document} document @param {RegExp} pattern */
const keysLike = (document, pattern) => document.keys.filter(({ name }) => pattern.test(name));

/** @type {Readonly<Record<string, DocumentMutation>>} */
export const DOCUMENT_MUTATIONS = {
  hyperparameter(document, random) {
    const keys = keysLike(document, /^(?!general\.|tokenizer\.)/);
    if (keys.length === 0) return "nothing to change";
    const key = random.of(keys);
    const type = random.of(NUMBERS);
    const value = random.of(HOSTILE_NUMBERS);
    Object.assign(key, { type: VALUE_TYPES[type], value: encodeScalar(type, value) });
    return `${key.name} = ${type} ${value}`;
  },
  "key of another type"(document, random) {
    const key = anyKey(random, document);
    const { said, ...changed } = random.chance(0.5) ? hostileScalar(random) : hostileArray(random);
    Object.assign(key, changed);
    return `${key.name} = ${said}`;
  },
  "key missing"(document, random) {
    const at = random.below(document.keys.length);
    const [key] = document.keys.splice(at, 1);
    return `${key?.name} is gone`;
  },
  "key renamed"(document, random) {
    const key = anyKey(random, document);
    const before = key.name;
    key.name = random.chance(0.3) ? random.of(HOSTILE_TEXTS) : `${before}x`;
    return `${before} is called ${short(key.name)}`;
  },
  "key doubled"(document, random) {
    const key = anyKey(random, document);
    document.keys.splice(random.below(document.keys.length + 1), 0, { ...key });
    return `${key.name} twice`;
  },
  "key added"(document, random) {
    const name = random.chance(0.4)
      ? random.of(OTHER_KEYS)
      : `${document.architecture}.${random.of(OTHER_HYPERPARAMETERS)}`;
    const { said, ...value } = random.chance(0.8) ? hostileScalar(random) : hostileArray(random);
    document.keys.push({ name, ...value });
    return `${name} = ${said}`;
  },
  "another architecture"(document, random) {
    const architecture = random.of(ARCHITECTURES);
    for (const key of document.keys) {
      if (key.name === "general.architecture") key.value = encodeScalar("string", architecture);
      if (key.name.startsWith(`${document.architecture}.`))
        key.name = architecture + key.name.slice(document.architecture.length);
    }
    return `the architecture is ${short(architecture)}`;
  },
  vocabulary(document, random) {
    const keys = keysLike(document, /^tokenizer\.ggml\.(tokens|merges|token_type)$/);
    if (keys.length === 0) return "nothing to change";
    const key = random.of(keys);
    const isText = !key.name.endsWith("token_type");
    const length = random.of([0, 1, 2, 100, 255, 319, 320, 321, 5000]);
    const texts = [
      ...HOSTILE_TEXTS.slice(0, 8),
      "a b",
      "Ġ t",
      " x",
      "y ",
      "a b c",
      "<0x00>",
      "<|end|>",
      "</s>",
    ];
    const values = Array.from({ length }, (_, i) =>
      isText ? (random.chance(0.5) ? random.of(texts) : `t${i}`) : random.of(HOSTILE_NUMBERS),
    );
    key.value = encodeArray(isText ? "string" : random.of(["i32", "u32", "f32"]), values);
    return `${key.name} has ${length} entries`;
  },
  "special token"(document, random) {
    const keys = keysLike(document, /_token_id$/);
    if (keys.length === 0) return "nothing to change";
    const key = random.of(keys);
    const value = random.of([-1, 0, 319, 320, 2 ** 31, 2 ** 32 - 1]);
    key.value = encodeScalar("u32", value);
    return `${key.name} = ${value}`;
  },
  "count that lies"(document, random) {
    const count = random.of(HOSTILE_COUNTS);
    if (random.chance(0.5)) {
      document.tensorCount = count;
      return `the tensor count is ${count}`;
    }
    document.keyCount = count;
    return `the key count is ${count}`;
  },
  "array count that lies"(document, random) {
    const arrays = document.keys.filter(({ type }) => type === VALUE_TYPES.array);
    if (arrays.length === 0) return "nothing to change";
    const key = random.of(arrays);
    const count = random.of(HOSTILE_COUNTS);
    const value = Uint8Array.from(key.value);
    new DataView(value.buffer).setBigUint64(4, count, true);
    key.value = value;
    return `${key.name} says it has ${count} entries`;
  },
  "arrays in arrays"(document, random) {
    const key = anyKey(random, document);
    const depth = random.of([1, 3, 4, 5, 6, 1000, 20_000]);
    const nested = Buffer.alloc(depth * 12);
    for (let i = 0; i < depth; i++) {
      nested.writeUInt32LE(VALUE_TYPES.array, i * 12);
      nested.writeBigUInt64LE(1n, i * 12 + 4);
    }
    Object.assign(key, {
      type: VALUE_TYPES.array,
      value: Buffer.concat([nested, encodeArray("u8", [1])]),
    });
    return `${key.name} is ${depth} arrays deep`;
  },
  "tensor missing"(document, random) {
    const [tensor] = document.tensors.splice(random.below(document.tensors.length), 1);
    return `${tensor?.name} is gone`;
  },
  "tensor renamed"(document, random) {
    const tensor = anyTensor(random, document);
    const before = tensor.name;
    const other = random.of([
      "rope_freqs.weight",
      "output.weight",
      "blk.0.attn_q.bias",
      "blk.0.ffn_gate_shexp.weight",
    ]);
    tensor.name = random.chance(0.4) ? random.of(HOSTILE_TEXTS) : random.chance(0.5) ? other : `${before}x`;
    return `${before} is called ${short(tensor.name)}`;
  },
  "tensor doubled"(document, random) {
    const tensor = anyTensor(random, document);
    document.tensors.push({ ...tensor });
    return `${tensor.name} twice`;
  },
  "tensor names exchanged"(document, random) {
    const a = anyTensor(random, document);
    const b = anyTensor(random, document);
    [a.name, b.name] = [b.name, a.name];
    return `${a.name} and ${b.name} have each other's name`;
  },
  "tensor of another type"(document, random) {
    const tensor = anyTensor(random, document);
    tensor.type = random.of([random.below(42), random.below(42), 255, 2 ** 31, 2 ** 32 - 1]);
    return `${tensor.name} has type ${tensor.type}`;
  },
  "tensor of another type, sized for it"(document, random) {
    const tensor = anyTensor(random, document);
    tensor.type = random.below(42);
    const elements = tensor.shape.reduce((product, extent) => product * Number(extent), 1);
    tensor.data = Uint8Array.from({ length: elements * 4 }, () => random.below(256));
    return `${tensor.name} has type ${tensor.type} and random bytes`;
  },
  dimension(document, random) {
    const tensor = anyTensor(random, document);
    const at = random.below(tensor.shape.length);
    const before = tensor.shape[at] ?? 0n;
    tensor.shape[at] = random.of([...HOSTILE_COUNTS, before + 1n, before - 1n, before * 2n, before / 2n]);
    return `dimension ${at} of ${tensor.name} is ${tensor.shape[at]}`;
  },
  "dimensions in another order"(document, random) {
    const tensor = anyTensor(random, document);
    tensor.shape.reverse();
    return `${tensor.name} is [${tensor.shape}]`;
  },
  rank(document, random) {
    const tensor = anyTensor(random, document);
    tensor.rank = random.of([0, 1, 2, 3, 4, 5, 2 ** 31, 2 ** 32 - 1]);
    return `${tensor.name} has ${tensor.rank} dimensions`;
  },
  offset(document, random) {
    const tensor = anyTensor(random, document);
    tensor.offset = random.of([...HOSTILE_COUNTS, 32n, 64n, 4096n]);
    return `${tensor.name} lies at ${tensor.offset}`;
  },
  "number that is not finite"(document, random) {
    const tensor = random.of(document.tensors.filter(({ data }) => data.length > 0));
    const data = Uint8Array.from(tensor.data);
    const view = new DataView(data.buffer);
    const scales = SCALES.get(tensor.type);
    const exponent = random.of([0x7c00, 0xfc00, 0x7e01]);
    if (tensor.type === 0)
      view.setUint32(random.below(data.length / 4) * 4, random.of([0x7f800000, 0x7fc00000]), true);
    else if (scales)
      view.setUint16(
        random.below(data.length / scales.blockBytes) * scales.blockBytes + scales.at,
        exponent,
        true,
      );
    else view.setUint16(random.below(data.length / 2) * 2, exponent, true);
    tensor.data = data;
    return `${tensor.name} has a number that is not finite`;
  },
  "weights out of all measure"(document, random) {
    const tensor = random.of(document.tensors.filter(({ data }) => data.length > 0));
    const data = Uint8Array.from(tensor.data);
    const view = new DataView(data.buffer);
    const single = random.of([3e38, -3e38, 1e20, 1e-40, 0]);
    const half = random.of([0x7bff, 0xfbff, 0x0001, 0x8001]);
    const scales = SCALES.get(tensor.type);
    if (tensor.type === 0) for (let at = 0; at < data.length; at += 4) view.setFloat32(at, single, true);
    else if (scales)
      for (let at = scales.at; at + 2 <= data.length; at += scales.blockBytes) view.setUint16(at, half, true);
    else for (let at = 0; at + 2 <= data.length; at += 2) view.setUint16(at, half, true);
    tensor.data = data;
    return `${tensor.name} is all ${tensor.type === 0 ? single : `half 0x${half.toString(16)}`}`;
  },
  "random weights"(document, random) {
    const tensor = anyTensor(random, document);
    tensor.data = Uint8Array.from({ length: tensor.data.length }, () => random.below(256));
    return `${tensor.name} is random bytes`;
  },
};

/** A place in the file: mostly the header, which is small beside the weights. @param {GgufFile} file @param {Random} random */
const place = ({ bytes, headerBytes }, random) =>
  random.chance(0.7) ? random.below(headerBytes) : random.below(bytes.length);

/** @type {Readonly<Record<string, BytesMutation>>} */
export const BYTES_MUTATIONS = {
  truncation(file, random) {
    const length = random.chance(0.1) ? random.below(40) : place(file, random);
    file.bytes = file.bytes.subarray(0, length);
    return `cut after ${length} bytes`;
  },
  "bits flipped"(file, random) {
    const count = random.of([1, 1, 1, 2, 8, 64]);
    const bytes = Uint8Array.from(file.bytes);
    const places = Array.from({ length: count }, () => place(file, random));
    for (const at of places) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    file.bytes = bytes;
    return `bits flipped at ${places.slice(0, 8)}`;
  },
  "header field"(file, random) {
    const { name, at, size } = random.of(file.fields);
    const value = random.of(HOSTILE_COUNTS);
    const bytes = Uint8Array.from(file.bytes);
    const view = new DataView(bytes.buffer);
    if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
    else view.setBigUint64(at, value, true);
    file.bytes = bytes;
    return `${name} = ${value}`;
  },
  "bytes removed"(file, random) {
    const at = place(file, random);
    const length = random.of([1, 4, 8, 32, 1000]);
    file.bytes = Buffer.concat([file.bytes.subarray(0, at), file.bytes.subarray(at + length)]);
    return `${length} bytes gone at ${at}`;
  },
  "bytes inserted"(file, random) {
    const at = place(file, random);
    const inserted = Uint8Array.from({ length: random.of([1, 4, 8, 32, 1000]) }, () => random.below(256));
    file.bytes = Buffer.concat([file.bytes.subarray(0, at), inserted, file.bytes.subarray(at)]);
    return `${inserted.length} bytes put in at ${at}`;
  },
  "bytes overwritten"(file, random) {
    const from = place(file, random);
    const to = place(file, random);
    const bytes = Uint8Array.from(file.bytes);
    bytes.copyWithin(to, from, from + random.of([4, 8, 64, 4096]));
    file.bytes = bytes;
    return `bytes at ${from} copied to ${to}`;
  },
  "garbage behind the end"(file, random) {
    const garbage = Uint8Array.from({ length: 1 + random.below(5000) }, () => random.below(256));
    file.bytes = Buffer.concat([file.bytes, garbage]);
    return `${garbage.length} bytes more`;
  },
  "no GGUF"(file, random) {
    const bytes = Uint8Array.from({ length: random.of([0, 1, 4, 24, 5000]) }, () => random.below(256));
    if (random.chance(0.5)) bytes.set([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0].slice(0, bytes.length));
    file.bytes = bytes;
    return `${bytes.length} random bytes`;
  },
};
