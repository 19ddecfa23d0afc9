import type { ByteRange } from "../coalesce.ts";

/**
 * Where model bytes come from. A source knows bytes and nothing about GGUF.
 *
 * Errors: `network` (after retries), `source-changed` (the bytes are no longer those of `validator`), `aborted`.
 */
export interface Source {
  /** The URL or file name, for messages. */
  readonly name: string;
  /** What tells this source's model from another's in the store: the URL, or file name, size and date. */
  readonly identity: string;
  readonly size: number;
  /** Changes when the bytes may have changed: an ETag, or the Last-Modified date; undefined if none is known. */
  readonly validator: string | undefined;
  /** True if bytes cross a network, so that keeping a copy saves fetching them again. */
  readonly remote: boolean;
  /** Exactly `length` bytes from `offset`. */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  /** Where the file lies, if files beside it can be had by name. */
  readonly folder?: Folder | undefined;
  /** Ends what goes on in the background, where something does; reads fail with `aborted` from then on. */
  close?(): void;
}

/** A file of a model, named but not yet opened. */
export interface UnopenedFile extends Pick<Source, "name" | "identity" | "remote" | "folder"> {
  /** `first` is what will be read first, if that is known. Errors: see openHttpSource and openFileSource. */
  open(signal?: AbortSignal, first?: ByteRange): Promise<Source>;
  /** The same file as it was when it had the validator, where old versions are kept. */
  version?(validator: string): UnopenedFile;
}

export interface Folder {
  /** The file's name in its folder. */
  readonly fileName: string;
  /** Another file there, which may not exist. */
  file(fileName: string): UnopenedFile;
}
