import { WebMoEError } from "../../api/errors.ts";
import { QUANT_TYPES, type QuantName } from "../quantization.ts";

/**
 * A strict reader of GGUF v2 and v3 headers (metadata and tensor directory). The file is hostile: every count,
 * length and offset is checked against the bytes that are really there before anything is allocated for it.
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */

export type GgufScalar = number | boolean | string;
export type GgufArray =
  | readonly string[]
  | readonly boolean[]
  | readonly number[]
  | Int32Array
  | Uint32Array
  | Float32Array;
export type GgufValue = GgufScalar | GgufArray;

export interface GgufTensor {
  readonly name: string;
  readonly type: QuantName;
  /** Innermost (contiguous) dimension first. */
  readonly shape: readonly number[];
  /** From the start of the file, in bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  /** Bytes of the header, up to where tensor data starts. */
  readonly headerBytes: number;
  /** Of every tensor's data, in bytes. */
  readonly alignment: number;
}

/** Thrown inside the parser when the header goes on past the bytes at hand. */
export class NeedMoreBytes extends Error {}

const MAGIC = 0x46554747; // "GGUF", little endian
const MAX_DIMENSIONS = 4;
/** Where a file says none. */
const DEFAULT_ALIGNMENT = 32;
const MAX_NAME_BYTES = 256;
const MAX_ARRAY_DEPTH = 4;
/** No tensor takes fewer bytes in the directory, no key in the metadata. */
const MIN_TENSOR_RECORD = 8 + 4 + 8 + 4 + 8;
const MIN_KEY_RECORD = 8 + 4 + 1;

const VALUE_TYPES = [
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "f32",
  "bool",
  "string",
  "array",
  "u64",
  "i64",
  "f64",
] as const;
type ValueType = (typeof VALUE_TYPES)[number];
const VALUE_BYTES: Readonly<Record<ValueType, number>> = {
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  u64: 8,
  i64: 8,
  f64: 8,
  string: 8,
  array: 12,
};

const QUANT_BY_GGML_TYPE = new Map(Object.values(QUANT_TYPES).map((quant) => [quant.ggmlType, quant]));

const bad = (message: string): WebMoEError => new WebMoEError("bad-gguf", message);

/** Reads little-endian values from `bytes`, the first bytes of a file of `fileBytes`. */
class Cursor {
  offset = 0;
  private readonly view: DataView;
  private readonly text = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(
    private readonly bytes: Uint8Array,
    readonly fileBytes: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Claims `length` bytes and returns where they start. */
  take(length: number, what: string): number {
    const start = this.offset;
    const end = start + length;
    if (end > this.fileBytes)
      throw bad(`The file ends inside ${what} (at byte ${start}); it is truncated or not a GGUF.`);
    if (end > this.bytes.length) throw new NeedMoreBytes();
    this.offset = end;
    return start;
  }

  /** Refuses a count whose smallest encoding would not fit in what is left of the file. */
  checkCount(count: number, minBytes: number, what: string): void {
    if (count * minBytes > this.fileBytes - this.offset)
      throw bad(`${what}: ${count} entries do not fit in the file.`);
  }

  u32(what: string): number {
    return this.view.getUint32(this.take(4, what), true);
  }

  u64(what: string): number {
    const value = this.view.getBigUint64(this.take(8, what), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw bad(`${what} is ${value}, which no file can hold.`);
    return Number(value);
  }

  string(what: string, maxBytes = Number.POSITIVE_INFINITY): string {
    const length = this.u64(`the length of ${what}`);
    if (length > maxBytes) throw bad(`${what} is ${length} bytes long; at most ${maxBytes} are allowed.`);
    const start = this.take(length, what);
    return this.text.decode(this.bytes.subarray(start, start + length));
  }

  number(type: ValueType, what: string): number {
    const at = this.take(VALUE_BYTES[type], what);
    switch (type) {
      case "u8":
        return this.view.getUint8(at);
      case "i8":
        return this.view.getInt8(at);
      case "u16":
        return this.view.getUint16(at, true);
      case "i16":
        return this.view.getInt16(at, true);
      case "u32":
        return this.view.getUint32(at, true);
      case "i32":
        return this.view.getInt32(at, true);
      case "f32":
        return this.view.getFloat32(at, true);
      case "f64":
        return this.view.getFloat64(at, true);
      // A 64-bit value above 2^53 can only be a hash or a sentinel; no key that is read here needs its low bits.
      case "u64":
        return Number(this.view.getBigUint64(at, true));
      case "i64":
        return Number(this.view.getBigInt64(at, true));
      default:
        throw bad(`${what} is not a number.`);
    }
  }

  valueType(what: string): ValueType {
    const id = this.u32(`the type of ${what}`);
    const type = VALUE_TYPES[id];
    if (!type) throw bad(`${what} has the unknown value type ${id}.`);
    return type;
  }
}

function readBool(cursor: Cursor, what: string): boolean {
  const byte = cursor.number("u8", what);
  if (byte > 1) throw bad(`${what} is a bool of value ${byte}.`);
  return byte === 1;
}

function readArray(cursor: Cursor, what: string, depth: number): GgufArray {
  if (depth > MAX_ARRAY_DEPTH) throw bad(`${what} nests arrays more than ${MAX_ARRAY_DEPTH} deep.`);
  const type = cursor.valueType(`the elements of ${what}`);
  const count = cursor.u64(`the length of ${what}`);
  cursor.checkCount(count, VALUE_BYTES[type], what);
  if (type === "string") {
    const strings: string[] = [];
    for (let i = 0; i < count; i++) strings.push(cursor.string(what));
    return strings;
  }
  if (type === "array") {
    // Nothing that is read here is an array of arrays: walk over it.
    for (let i = 0; i < count; i++) readArray(cursor, what, depth + 1);
    return [];
  }
  if (type === "bool") {
    const flags: boolean[] = [];
    for (let i = 0; i < count; i++) flags.push(readBool(cursor, what));
    return flags;
  }
  // Claim the bytes before allocating for them.
  const start = cursor.take(count * VALUE_BYTES[type], what);
  cursor.offset = start;
  const numbers =
    type === "f32"
      ? new Float32Array(count)
      : type === "u32"
        ? new Uint32Array(count)
        : type === "i32"
          ? new Int32Array(count)
          : new Array<number>(count);
  for (let i = 0; i < count; i++) numbers[i] = cursor.number(type, what);
  return numbers;
}

function readValue(cursor: Cursor, what: string): GgufValue {
  const type = cursor.valueType(what);
  if (type === "string") return cursor.string(what);
  if (type === "bool") return readBool(cursor, what);
  if (type === "array") return readArray(cursor, what, 0);
  return cursor.number(type, what);
}

interface DirectoryEntry {
  readonly name: string;
  readonly shape: number[];
  readonly ggmlType: number;
  /** From the start of the data section. */
  readonly offset: number;
}

function readDirectoryEntry(cursor: Cursor): DirectoryEntry {
  const name = cursor.string("a tensor's name", MAX_NAME_BYTES);
  const dimensions = cursor.u32(`the dimension count of ${name}`);
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS)
    throw bad(`Tensor ${name} has ${dimensions} dimensions.`);
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) {
    const extent = cursor.u64(`dimension ${i} of ${name}`);
    if (extent < 1) throw bad(`Tensor ${name} has a dimension of length 0.`);
    shape.push(extent);
  }
  const ggmlType = cursor.u32(`the type of ${name}`);
  return { name, shape, ggmlType, offset: cursor.u64(`the offset of ${name}`) };
}

function locate(entry: DirectoryEntry, dataStart: number, alignment: number, fileBytes: number): GgufTensor {
  const { name, shape } = entry;
  const quant = QUANT_BY_GGML_TYPE.get(entry.ggmlType);
  if (!quant) {
    const known = Object.keys(QUANT_TYPES).join(", ");
    throw new WebMoEError(
      "unsupported-quantization",
      `Tensor ${name} has ggml type ${entry.ggmlType}; this version reads ${known}. Choose a file of one of those types.`,
    );
  }
  const cols = shape[0]!;
  if (cols % quant.blockSize !== 0)
    throw bad(`Tensor ${name}: rows of ${cols} do not divide into ${quant.name} blocks.`);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  const byteLength = (elements / quant.blockSize) * quant.blockBytes;
  if (entry.offset % alignment !== 0) throw bad(`Tensor ${name} is not aligned to ${alignment} bytes.`);
  const offset = dataStart + entry.offset;
  if (!Number.isSafeInteger(byteLength) || offset + byteLength > fileBytes)
    throw bad(
      `Tensor ${name} ends at byte ${offset + byteLength} of a file of ${fileBytes}; the file is truncated or damaged.`,
    );
  return { name, type: quant.name, shape, offset, byteLength };
}

function refuseOverlaps(tensors: Iterable<GgufTensor>): void {
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < sorted.length; i++) {
    const before = sorted[i - 1]!;
    const tensor = sorted[i]!;
    if (before.offset + before.byteLength > tensor.offset)
      throw bad(`Tensors ${before.name} and ${tensor.name} overlap.`);
  }
}

/**
 * Parses the header from the first bytes of a file of `fileBytes`.
 *
 * Errors: `bad-gguf`, `unsupported-quantization` (both name the key or tensor); NeedMoreBytes if the header is
 * longer than `bytes`.
 */
export function parseGguf(bytes: Uint8Array, fileBytes: number): GgufHeader {
  const cursor = new Cursor(bytes, fileBytes);
  if (cursor.u32("the magic number") !== MAGIC)
    throw bad("This is not a GGUF file: it does not begin with GGUF.");
  const version = cursor.u32("the version");
  if (version !== 2 && version !== 3)
    throw bad(`GGUF version ${version} is not supported (2 and 3 are; big-endian files are not).`);
  const tensorCount = cursor.u64("the tensor count");
  const keyCount = cursor.u64("the metadata count");
  cursor.checkCount(tensorCount, MIN_TENSOR_RECORD, "The tensor directory");
  cursor.checkCount(keyCount, MIN_KEY_RECORD, "The metadata");

  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = cursor.string("a metadata key", 65535);
    if (metadata.has(key)) throw bad(`The metadata key ${key} appears twice.`);
    metadata.set(key, readValue(cursor, key));
  }
  const entries: DirectoryEntry[] = [];
  for (let i = 0; i < tensorCount; i++) entries.push(readDirectoryEntry(cursor));

  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== "number" || alignment < 8 || alignment > 65536 || alignment % 8 !== 0)
    throw bad(`general.alignment is ${String(alignment)}; it must be a multiple of 8.`);
  const dataStart = Math.ceil(cursor.offset / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const entry of entries) {
    if (tensors.has(entry.name)) throw bad(`The tensor ${entry.name} appears twice.`);
    tensors.set(entry.name, locate(entry, dataStart, alignment, fileBytes));
  }
  refuseOverlaps(tensors.values());
  return { metadata, tensors, headerBytes: Math.min(dataStart, fileBytes), alignment };
}
