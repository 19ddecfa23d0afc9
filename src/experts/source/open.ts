import { WebMoEError } from "../../api/errors.ts";
import type { ModelSource } from "../../api/options.ts";
import { openBlobSource } from "./blob.ts";
import { type HttpSourceOptions, openHttpSource } from "./http.ts";
import type { Source } from "./source.ts";

export interface OpenOptions extends HttpSourceOptions {
  /** What relative addresses are relative to: the page's base, which a worker does not know. */
  readonly base?: string | URL | undefined;
}

/** One file of a model, named but not opened. */
export type FileReference =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "blob"; readonly blob: Blob };

const PROTOCOLS = ["http:", "https:", "blob:", "data:"];

/**
 * The files that a ModelSource names, in its order, addresses made absolute.
 *
 * Errors: `invalid-argument` for anything that is not a URL, a Blob, or a non-empty list of these.
 */
export function fileReferences(input: ModelSource, base?: string | URL): FileReference[] {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (list.length === 0) throw invalid("The list of model files is empty.");
  return list.map((item) => {
    if (item instanceof Blob) return { kind: "blob", blob: item };
    if (typeof item !== "string" && !(item instanceof URL))
      throw invalid("A model source is a URL, a File or Blob, or a list of these.");
    let url: URL;
    try {
      url = new URL(item, base);
    } catch (cause) {
      throw invalid(`${JSON.stringify(String(item))} is not an address.`, cause);
    }
    if (!PROTOCOLS.includes(url.protocol))
      throw invalid(`${url.href}: models come by http, https or blob URLs.`);
    url.hash = "";
    return { kind: "url", url: url.href };
  });
}

/** Opens one file. Errors: see openHttpSource. */
export async function openFile(reference: FileReference, options: OpenOptions = {}): Promise<Source> {
  return reference.kind === "blob" ? openBlobSource(reference.blob) : openHttpSource(reference.url, options);
}

/**
 * Opens every file of a model at once.
 *
 * Errors: `invalid-argument`, and see openHttpSource.
 */
export async function openSources(input: ModelSource, options: OpenOptions = {}): Promise<Source[]> {
  return Promise.all(fileReferences(input, options.base).map((reference) => openFile(reference, options)));
}

const invalid = (message: string, cause?: unknown): WebMoEError =>
  new WebMoEError("invalid-argument", message, { cause });
