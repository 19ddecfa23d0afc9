import { throwIfAborted, WebMoEError } from "../../api/errors.ts";
import type { ManageOptions } from "../../api/models.ts";
import type { Core } from "../../wasm/core.ts";
import { type OpenedModel, openModel } from "../identity.ts";
import { type Library, openLibrary } from "../library.ts";
import { openBlobSource } from "../source/blob.ts";
import { importedAddress } from "../source/open.ts";
import type { Source } from "../source/source.ts";
import type { PartStore } from "../store/store.ts";
import type { ReadLayout } from "./inventory.ts";

/** What is read at a time to tell one content from another. */
const HASH_BYTES = 16 * 1024 * 1024;

/** The checksum of the checksums of every HASH_BYTES of the file. */
async function contentId(
  core: Pick<Core, "checksum">,
  { size, read }: Source,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const sums: string[] = [];
  for (let offset = 0; offset < size; offset += HASH_BYTES) {
    const bytes = await read(offset, Math.min(HASH_BYTES, size - offset), signal);
    sums.push(core.checksum(bytes));
    onBytes(bytes.length);
  }
  return core.checksum(new TextEncoder().encode([size, ...sums].join(" ")));
}

export interface ImportOptions extends ManageOptions {
  readonly store: PartStore;
  readonly core: Pick<Core, "checksum" | "repack">;
  readonly readLayout: ReadLayout;
  /** Bytes that the browser still has for this site; undefined if it does not say. */
  readonly room: number | undefined;
}

/**
 * Copies files into the store, as if they had been fetched from an address that is a checksum of their content.
 * Resolves with the model's key. What an import that failed has stored of a new model is for the caller to delete:
 * `onStarted` says its key.
 *
 * Errors: `bad-gguf`, `unsupported-architecture`, `unsupported-quantization`, all before anything is stored, and from
 * a damaged tensor after; `quota`; `source-changed` if a file changes meanwhile; `aborted`.
 */
export async function importFiles(
  blobs: readonly Blob[],
  onStarted: (key: string) => void,
  { store, core, readLayout, room, signal, onProgress }: ImportOptions,
): Promise<string> {
  if (blobs.length === 0 || !blobs.every((blob) => blob instanceof Blob))
    throw new WebMoEError("invalid-argument", "Give the files of a model to import.");
  const sources = blobs.map(openBlobSource).sort((a, b) => (a.name < b.name ? -1 : 1));
  const { name, directory } = await readLayout(sources, signal);
  const fileBytes = sources.reduce((sum, { size }) => sum + size, 0);

  // Every byte is read twice: once to know the model, once to store it.
  let hashed = 0;
  const files: Source[] = [];
  for (const source of sources) {
    const id = await contentId(core, source, signal, (bytes) => {
      hashed += bytes;
      onProgress?.(hashed / 2, fileBytes);
    });
    // A remote file is one whose bytes are kept.
    files.push({ ...source, identity: importedAddress(id), validator: id, remote: true });
  }
  throwIfAborted(signal);
  const addresses = files.map(({ identity }) => identity).join();
  const isKnown = (await store.models()).some((stored) => stored.addresses?.join() === addresses);
  if (!isKnown && room !== undefined && room < fileBytes)
    throw new WebMoEError(
      "quota",
      `${name} takes ${fileBytes} bytes, and the browser has ${Math.max(0, room)} left for this site.`,
    );

  let model: OpenedModel | undefined;
  let library: Library | undefined;
  try {
    model = await openModel(files, { store, core, signal });
    onStarted(model.key);
    // The library keeps what was read of the headers.
    await readLayout(model.files, signal);
    library = await openLibrary({ model, directory, store, core, hostBudget: 0, name });
    await library.complete(signal, (stored, all) =>
      onProgress?.(((1 + stored / all) / 2) * fileBytes, fileBytes),
    );
    throwIfAborted(signal);
    return model.key;
  } finally {
    if (library) await library.close();
    else model?.close();
  }
}
