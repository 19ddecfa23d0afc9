import { WebMoEError } from "../../api/errors.ts";
import { openBlobSource } from "./blob.ts";
import { crossesNetwork, type HttpSourceOptions, openHttpSource } from "./http.ts";
import { type HubFiles, hubFiles, isHubAddress, parseHubAddress } from "./hub.ts";
import type { Folder, Source, UnopenedFile } from "./source.ts";
import { fileNameOfUrl, siblingUrl } from "./split.ts";

/** A ModelSource, or sources that are open already (files in Node). */
export type ModelInput = ModelInputFile | readonly ModelInputFile[];
export type ModelInputFile = string | URL | Blob | Source;

export interface OpenOptions extends HttpSourceOptions {
  /** What relative addresses are relative to: the page's base, which a worker does not know. */
  readonly base?: string | URL | undefined;
  /** Access token for `hf:` addresses; see hubFiles. */
  readonly hubToken?: string | undefined;
}

const PROTOCOLS = ["http:", "https:", "blob:", "data:"];

/** Files that were copied into the store from this device are known by their content. */
const IMPORTED = /^imported:([0-9a-f]{16})$/;

/** The address under which a file that was imported is loaded; `id` is a checksum of its content, 16 hex digits. */
export const importedAddress = (id: string): string => `imported:${id}`;

/** The file name in an address of any kind; undefined where there is none. */
export function fileNameOfAddress(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  if (isHubAddress(address)) return parseHubAddress(address).path.split("/").at(-1);
  return URL.canParse(address) ? fileNameOfUrl(address) : undefined;
}

/**
 * The files that `input` names, in its order, addresses made absolute.
 *
 * Errors: `invalid-argument` for anything that is not a URL, an `hf:` address, a Blob, a Source, or a non-empty list
 * of these.
 */
export function unopenedFiles(input: ModelInput, options: OpenOptions = {}): UnopenedFile[] {
  const list: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (list.length === 0) throw invalid("The list of model files is empty.");
  let hub: HubFiles | undefined;
  return list.map((item) => {
    // As they are: URL would take out `..` before anyone could refuse it.
    const text = item instanceof URL ? item.href : item;
    if (typeof text === "string" && isHubAddress(text)) {
      hub ??= hubFiles({ ...options, token: options.hubToken });
      return hub(text);
    }
    if (typeof text === "string" && IMPORTED.test(text)) return importedFile(text);
    if (item instanceof Blob) return opened(openBlobSource(item));
    if (isSource(item)) return opened(item);
    return fileAt(absolute(item, options.base), options);
  });
}

/** A file that only the store has. */
const importedFile = (address: string): UnopenedFile => ({
  name: address,
  identity: address,
  remote: true,
  async open() {
    throw new WebMoEError(
      "corrupt-part",
      `The model ${address} came from a file on this device, and not all of it is stored any more. Import the file again.`,
    );
  },
});

function fileAt(url: string, options: OpenOptions): UnopenedFile {
  const fileName = fileNameOfUrl(url);
  const folder: Folder | undefined =
    fileName === undefined
      ? undefined
      : { fileName, file: (other) => fileAt(siblingUrl(url, other), options) };
  return {
    name: url,
    identity: url,
    remote: crossesNetwork(url),
    folder,
    open: (signal, first) => openHttpSource(url, { ...options, signal, first }),
  };
}

/**
 * Opens every file of a model at once, or none.
 *
 * Errors: `invalid-argument`, and see openHttpSource.
 */
export async function openSources(input: ModelInput, options: OpenOptions = {}): Promise<Source[]> {
  return openAll(unopenedFiles(input, options), options.signal);
}

/** A source that opened is closed again when another one fails. */
export async function openAll(files: readonly UnopenedFile[], signal?: AbortSignal): Promise<Source[]> {
  const results = await Promise.allSettled(files.map((file) => file.open(signal)));
  const sources = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = results.find((result) => result.status === "rejected");
  if (!failed) return sources;
  for (const source of sources) source.close?.();
  throw failed.reason;
}

/** A source that is open already. */
export const opened = (source: Source): UnopenedFile => ({
  name: source.name,
  identity: source.identity,
  remote: source.remote,
  folder: source.folder,
  open: async () => source,
});

function isSource(item: unknown): item is Source {
  return typeof item === "object" && item !== null && "read" in item && "identity" in item && "size" in item;
}

function absolute(item: unknown, base: string | URL | undefined): string {
  if (typeof item !== "string" && !(item instanceof URL))
    throw invalid("A model source is a URL, an hf: address, a File or Blob, or a list of these.");
  let url: URL;
  try {
    url = new URL(item, base);
  } catch (cause) {
    throw invalid(`${JSON.stringify(String(item))} is not an address.`, cause);
  }
  if (!PROTOCOLS.includes(url.protocol))
    throw invalid(`${url.href}: models come by http, https or blob URLs, or from hf:org/repo/file.gguf.`);
  url.hash = "";
  return url.href;
}

const invalid = (message: string, cause?: unknown): WebMoEError =>
  new WebMoEError("invalid-argument", message, { cause });
