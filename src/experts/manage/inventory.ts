import { WebMoEError } from "../../api/errors.ts";
import { createCatalogue } from "../catalogue.ts";
import type { PartDirectory } from "../parts.ts";
import { headerKey, type Part, partPrefix } from "../segments.ts";
import { checkRange } from "../source/checks.ts";
import type { Source } from "../source/source.ts";
import { readParts } from "../store/read.ts";
import type { PartStore, StoredModel, StoredPart } from "../store/store.ts";

/** What the headers of a model's files say of its parts. */
export interface Layout {
  readonly name: string;
  readonly directory: PartDirectory;
  /** To what multiple of bytes the tensors of each file are padded. */
  readonly alignments: readonly number[];
}

/** Reads the layout from the starts of the files. Errors: those of the GGUF reader, and of the files. */
export type ReadLayout = (files: readonly Source[], signal: AbortSignal | undefined) => Promise<Layout>;

/** A stored model laid open. */
export interface Inventory {
  /** Every key that the store has of the model. */
  readonly keys: ReadonlySet<string>;
  readonly headers: readonly (StoredPart | undefined)[];
  /** Undefined if the stored headers do not say: one is missing or damaged, or another version wrote them. */
  readonly layout: Layout | undefined;
  /** Every part of a complete copy, headers left out; empty without a layout. */
  readonly parts: readonly Part[];
}

/** The start of a stored file, for the reader of headers; what lies after it cannot be read. */
function headerSource(name: string, size: number, header: Uint8Array): Source {
  return {
    name,
    identity: name,
    size,
    validator: undefined,
    remote: true,
    async read(offset, length) {
      checkRange(name, size, offset, length);
      if (offset + length > header.length)
        throw new WebMoEError("corrupt-part", `The stored header of ${name} is shorter than the file's.`);
      return Uint8Array.from(header.subarray(offset, offset + length));
    },
  };
}

export async function takeInventory(
  store: PartStore,
  model: StoredModel,
  readLayout: ReadLayout,
): Promise<Inventory> {
  const { key, name, fileBytes } = model;
  const keys = new Set(await store.partKeys(`${key}/`));
  const found = await readParts(
    store,
    fileBytes.map((_, file) => headerKey(key, file)),
  );
  const headers = found.map((header) => (header === "unreadable" ? undefined : header));
  const files = headers.map((header, i) =>
    headerSource(name, fileBytes[i]!, header?.bytes ?? new Uint8Array()),
  );
  const layout = await readLayout(files, undefined).catch(() => undefined);
  return {
    keys,
    headers,
    layout,
    parts: layout ? [...createCatalogue(key, layout.directory).everyPart()] : [],
  };
}

/** True if parts of the model are stored in a layout that this version does not read. */
export const isForeign = (key: string, keys: ReadonlySet<string>): boolean =>
  [...keys].some((part) => !part.startsWith(partPrefix(key)));
