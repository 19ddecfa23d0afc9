// @ts-check

import { CODECS, decode, encode, encodedBytes, typeOf } from "../../src/backend/testing/quant/codecs.mjs";
import { readGguf } from "./gguf-reader.mjs";
import { writeGguf } from "./gguf-writer.mjs";

/**
 * Writes a GGUF's exact twin: the same quantised weights, dequantised to F32. On it an engine that keeps
 * activations in f32 and one that quantises them (as llama.cpp does on quantised weights) compute the same.
 * @param {string} path
 * @param {string} twinPath
 */
export async function writeTwin(path, twinPath) {
  const { bytes, metadata, tensors } = await readGguf(path);
  /** @type {Map<string, import("./gguf-writer.mjs").MetadataValue>} */
  const twinMetadata = new Map(metadata);
  twinMetadata.set("general.file_type", { kind: "uint32", value: CODECS.f32.fileType });
  return writeGguf(
    twinPath,
    twinMetadata,
    tensors.map(({ name, shape, elementCount, ggmlType, offset }) => ({
      name,
      shape,
      ggmlType: CODECS.f32.ggmlType,
      byteLength: elementCount * 4,
      data: () => {
        const type = typeOf(ggmlType);
        const stored = bytes.subarray(offset, offset + encodedBytes(type, elementCount));
        return type === "f32" ? stored : encode("f32", decode(type, stored, elementCount));
      },
    })),
  );
}
