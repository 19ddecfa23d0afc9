import { WebMoEError } from "../api/errors.ts";
import { type Metadata, metadataOf } from "./gguf/metadata.ts";
import type { GgufHeader, GgufTensor } from "./gguf/parse.ts";
import type { TensorSpec } from "./plan.ts";
import { fileRowBytes } from "./quantization.ts";

/** What `split.count`, a u16, can say. */
const MAX_FILES = 65535;

/** A tensor and the file of a split GGUF that holds it. */
export interface LocatedTensor extends GgufTensor {
  readonly file: number;
}

/** One model: the metadata of its first file and the tensors of all of its files. */
export interface ModelFile {
  readonly metadata: Metadata;
  readonly tensors: ReadonlyMap<string, LocatedTensor>;
  /** The index of the file whose `split.no` is 0. */
  readonly firstFile: number;
}

/** Of how many files the model is; 1 for a model in one file. Errors: `bad-gguf`. */
export function splitCountOf(header: GgufHeader): number {
  // A file that is no split may say 0.
  return metadataOf(header).optionalCount("split.count", 0, MAX_FILES) || 1;
}

/**
 * Joins the headers of a split GGUF, given in any order; a single file is a split of one.
 *
 * Errors: `bad-gguf` if files are missing, doubled, or not of one model.
 */
export function joinFiles(headers: readonly GgufHeader[]): ModelFile {
  const read = headers.map(metadataOf);
  const numbers = read.map((metadata) => metadata.optionalCount("split.no", 0, MAX_FILES) ?? 0);
  const count = splitCountOf(headers[0]!);
  if (count !== headers.length)
    throw new WebMoEError(
      "bad-gguf",
      `The model is split into ${count} files; ${headers.length} were given. Give all of them.`,
    );
  for (let number = 0; number < count; number++)
    if (!numbers.includes(number))
      throw new WebMoEError("bad-gguf", `File ${number + 1} of ${count} of the split model is missing.`);
  const tensors = new Map<string, LocatedTensor>();
  headers.forEach((header, file) => {
    for (const tensor of header.tensors.values()) {
      if (tensors.has(tensor.name))
        throw new WebMoEError("bad-gguf", `The tensor ${tensor.name} is in two of the split model's files.`);
      tensors.set(tensor.name, { ...tensor, file });
    }
  });
  const firstFile = numbers.indexOf(0);
  return { metadata: read[firstFile]!, tensors, firstFile };
}

/** Kernels load 16 bytes at a time from every plane of every row. */
const COLUMN_MULTIPLE = 8;

/**
 * The tensor `name` as `count` stacked matrices of `rows` × `cols`.
 *
 * Errors: `bad-gguf` if it is missing or of another shape, `unsupported-architecture` for a width no kernel reads.
 */
export function requireTensor(
  file: ModelFile,
  name: string,
  rows: number,
  cols: number,
  count = 1,
): TensorSpec {
  const tensor = file.tensors.get(name);
  if (!tensor) throw new WebMoEError("bad-gguf", `The tensor ${name} is missing; the file is incomplete.`);
  const [width = 1, height = 1, depth = 1, rest = 1] = tensor.shape;
  if (width !== cols || height !== rows || depth !== count || rest !== 1)
    throw new WebMoEError(
      "bad-gguf",
      `Tensor ${name} is [${tensor.shape.join(", ")}]; the metadata asks for [${cols}, ${rows}, ${count}].`,
    );
  if (rows * count > 1 && cols % COLUMN_MULTIPLE !== 0)
    throw new WebMoEError(
      "unsupported-architecture",
      `Tensor ${name} has rows of ${cols}; the kernels need a multiple of ${COLUMN_MULTIPLE}.`,
    );
  return { name, rows, cols, type: tensor.type };
}

/** A norm weight or bias of `length` f32 elements. */
export function requireVector(file: ModelFile, name: string, length: number): TensorSpec {
  const spec = requireTensor(file, name, 1, length);
  if (spec.type !== "f32")
    throw new WebMoEError("unsupported-quantization", `Tensor ${name} is ${spec.type}; vectors must be f32.`);
  return spec;
}

/** Bytes of `spec` in the file. */
export function fileBytesOf(spec: TensorSpec): number {
  return spec.rows * fileRowBytes(spec.type, spec.cols);
}
