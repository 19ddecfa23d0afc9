import { WebMoEError } from "../../api/errors.ts";
import { type GgufHeader, NeedMoreBytes, parseGguf } from "./parse.ts";

/** The part of a source that reading a header needs. */
export interface HeaderBytes {
  readonly name: string;
  readonly size: number;
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
}

const FIRST_READ = 256 * 1024;
/** Vocabularies of a million tokens stay far below this; a header above it is an attack or not a header. */
const MAX_HEADER = 256 * 1024 * 1024;

/**
 * Reads just enough of a file to parse its header: 256 KiB, then four times as much until it is whole. Bytes
 * already read are kept.
 *
 * Errors: those of parseGguf and of the source.
 */
export async function readGgufHeader(source: HeaderBytes, signal?: AbortSignal): Promise<GgufHeader> {
  let bytes = await source.read(0, Math.min(FIRST_READ, source.size), signal);
  for (;;) {
    try {
      return parseGguf(bytes, source.size);
    } catch (error) {
      if (!(error instanceof NeedMoreBytes)) throw error;
    }
    if (bytes.length >= MAX_HEADER)
      throw new WebMoEError("bad-gguf", `${source.name}: the header is longer than ${MAX_HEADER} bytes.`);
    const length = Math.min(bytes.length * 4, source.size, MAX_HEADER);
    const longer = new Uint8Array(length);
    longer.set(bytes);
    longer.set(await source.read(bytes.length, length - bytes.length, signal), bytes.length);
    bytes = longer;
  }
}
