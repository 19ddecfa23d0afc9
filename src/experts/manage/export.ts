import { throwIfAborted, WebMoEError } from "../../api/errors.ts";
import type { Core } from "../../wasm/core.ts";
import { headerKey, type Part } from "../segments.ts";
import { isIntact } from "../store/read.ts";
import type { PartStore, StoredModel } from "../store/store.ts";
import type { Inventory } from "./inventory.ts";

/**
 * A stored model as the file it came from. Parts hold every byte of every tensor, in another order (the packed
 * layout), and the stored header everything before them; between tensors lies padding, which GGUF defines as zeros
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, `_padding`).
 */

/** Bytes of the file that follow each other and come from one place. */
export type FilePiece =
  | { readonly kind: "header"; readonly byteLength: number }
  | { readonly kind: "zeros"; readonly byteLength: number }
  /** The last `byteLength` bytes of what the part is in the file. */
  | { readonly kind: "part"; readonly part: Part; readonly byteLength: number };

const incomplete = (name: string, missing: number): WebMoEError =>
  new WebMoEError(
    "invalid-argument",
    `${missing} parts of ${name} are not stored. Load it and let the rest be fetched, then export it.`,
  );

/**
 * The pieces of file number `file`.
 *
 * Errors: `invalid-argument` if there is no such file, parts are missing, or it has more than padding between tensors.
 */
export function filePieces(
  { name, fileBytes }: StoredModel,
  { headers, layout, parts, keys }: Inventory,
  file: number,
): FilePiece[] {
  const size = fileBytes[file];
  if (size === undefined)
    throw new WebMoEError("invalid-argument", `${name} has ${fileBytes.length} files; there is no ${file}.`);
  const header = headers[file]?.bytes;
  if (!layout || !header) throw incomplete(name, 1);
  const ofFile = parts.filter((part) => part.file === file);
  const missing = ofFile.filter((part) => !keys.has(part.key)).length;
  if (missing > 0) throw incomplete(name, missing);

  const pieces: FilePiece[] = [{ kind: "header", byteLength: header.length }];
  let position = header.length;
  const padTo = (offset: number): void => {
    const gap = offset - position;
    if (gap >= layout.alignments[file]!)
      throw new WebMoEError(
        "invalid-argument",
        `${name}: ${gap} bytes from ${position} of its file belong to no tensor. They are not stored, so that the ` +
          "file cannot be given back.",
      );
    if (gap > 0) pieces.push({ kind: "zeros", byteLength: gap });
    position = Math.max(position, offset);
  };
  for (const part of ofFile.sort((a, b) => a.offset - b.offset)) {
    const end = part.offset + part.fileBytes;
    // Headers are read generously: the first tensors are in what is stored of them.
    if (end <= position) continue;
    padTo(part.offset);
    pieces.push({ kind: "part", part, byteLength: end - position });
    position = end;
  }
  padTo(size);
  if (position !== size)
    throw new WebMoEError("corrupt-part", `What is stored of ${name} is longer than its file.`);
  return pieces;
}

/** The bytes of the pieces, one after the other. Errors: `corrupt-part`, `aborted`. */
export async function* fileBytesOf(
  store: PartStore,
  core: Pick<Core, "checksum" | "unpack">,
  model: StoredModel,
  file: number,
  pieces: readonly FilePiece[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  async function intact(key: string, byteLength: number | undefined): Promise<Uint8Array> {
    const [part] = await store.getParts([key]).catch(() => [undefined]);
    if (!isIntact(core, part, byteLength))
      throw new WebMoEError(
        "corrupt-part",
        `The stored part ${key} of ${model.name} is damaged or gone. Repair the model, let it be fetched again, and ` +
          "export it then.",
      );
    return part.bytes;
  }
  for (const piece of pieces) {
    throwIfAborted(signal);
    if (piece.kind === "zeros") yield new Uint8Array(piece.byteLength);
    else if (piece.kind === "header")
      yield Uint8Array.from(await intact(headerKey(model.key, file), piece.byteLength));
    else {
      const { key, byteLength, spec, rowCount } = piece.part;
      const raw = core.unpack(spec.type, await intact(key, byteLength), rowCount, spec.cols);
      yield raw.length === piece.byteLength ? raw : raw.slice(raw.length - piece.byteLength);
    }
  }
}
