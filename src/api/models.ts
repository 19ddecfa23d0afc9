/** A model of which parts are stored in this browser. */
export interface StoredModelInfo {
  /** Names the model in every other call. */
  readonly key: string;
  readonly name: string;
  /** What `load` takes to open it again; undefined if an earlier version stored it. */
  readonly source: string | readonly string[] | undefined;
  /** Sizes of its files, in bytes, as `export` writes them. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  readonly storedBytes: number;
  /** What a complete copy takes. */
  readonly storableBytes: number;
  /** Every byte is here: it loads without a request. */
  readonly complete: boolean;
  /** Milliseconds since the epoch. */
  readonly lastUsed: number;
  /** The files at its address are others by now, or another version of the library stored it: it is not used again. */
  readonly outdated: boolean;
  /** It is open in this tab or in another one. Always false where there are no Web Locks. */
  readonly inUse: boolean;
}

export interface VerifyReport {
  readonly checkedParts: number;
  readonly checkedBytes: number;
  /** Stored parts whose bytes are not those that arrived, for example `expert/3/17/gate/0`. */
  readonly damaged: readonly string[];
  /** Parts that are not stored. */
  readonly missingParts: number;
}

/** One file of a stored model, as it was before it was stored. */
export interface ExportedFile {
  readonly name: string;
  readonly byteLength: number;
  /** The file's bytes in order; cancelling it ends the export. Its errors: `corrupt-part`, `aborted`. */
  readonly stream: ReadableStream<Uint8Array>;
}

export interface StorageState {
  /** Where models are kept; `memory` is gone with the page. */
  readonly kind: "indexeddb" | "memory";
  /** Bytes this site uses and may use; undefined where the browser does not say. */
  readonly usage: number | undefined;
  readonly quota: number | undefined;
  /** The browser has promised not to delete this site's data when space runs short. */
  readonly persisted: boolean;
}

/** Bytes done of bytes in all. */
export type ManageProgress = (doneBytes: number, totalBytes: number) => void;

export interface ManageOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ManageProgress;
}

/**
 * The models stored in this browser. It loads none, and changes none that is open: calls that would fail with
 * `in-use`. A key that is not in `list()` is `invalid-argument`.
 */
export interface ModelManager {
  /** Last used first. */
  list(): Promise<StoredModelInfo[]>;
  /** Reads every stored part and compares its checksum. */
  verify(key: string, options?: ManageOptions): Promise<VerifyReport>;
  /** Verifies, and deletes damaged parts, so that they are fetched again when the model is next used. */
  repair(key: string, options?: ManageOptions): Promise<VerifyReport>;
  delete(key: string): Promise<void>;
  /**
   * File number `file` (default 0) of a complete model, byte for byte the GGUF that it came from.
   *
   * Errors: `invalid-argument` if parts are missing, or if the file has bytes between its tensors that are more than
   * padding, which are not stored.
   */
  export(
    key: string,
    options?: { readonly file?: number; readonly signal?: AbortSignal },
  ): Promise<ExportedFile>;
  /**
   * Copies a GGUF, or all files of a split one, into the store. The same content is the same model, wherever it comes
   * from: importing again fills in what is missing.
   *
   * Errors: `bad-gguf`, `unsupported-architecture`, `unsupported-quantization`, `quota`; nothing is kept then.
   */
  import(files: Blob | readonly Blob[], options?: ManageOptions): Promise<StoredModelInfo>;
  storage(): Promise<StorageState>;
  /** Asks the browser to keep this site's data when space runs short; false if it does not promise that. */
  persist(): Promise<boolean>;
  /** Ends what is running with `aborted`, and the manager's worker. */
  close(): Promise<void>;
}
