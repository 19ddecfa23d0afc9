/** A stored part: packed bytes and the checksum they had when they were verified. */
export interface StoredPart {
  readonly bytes: Uint8Array;
  /** XXH64, 16 hex digits. */
  readonly checksum: string;
}

/** What the store knows of a model besides its parts. */
export interface StoredModel {
  readonly key: string;
  readonly name: string;
  /** What opens the files again, in order; missing in manifests of earlier versions. */
  readonly addresses?: readonly string[];
  readonly validators: readonly (string | undefined)[];
  readonly fileBytes: readonly number[];
  /** The part keys that a complete copy has, and their bytes. */
  readonly storableParts: number;
  readonly storableBytes: number;
  readonly lastUsed: number;
  /** The files at the model's addresses are others by now. */
  readonly outdated?: boolean;
}

/**
 * Persisted parts. One batch is one transaction. A store never throws on reads of what is not there; writes that
 * the device has no room for throw `quota`.
 */
export interface PartStore {
  readonly kind: "indexeddb" | "memory";
  getParts(keys: readonly string[]): Promise<(StoredPart | undefined)[]>;
  putParts(parts: readonly (readonly [key: string, part: StoredPart])[]): Promise<void>;
  deleteParts(keys: readonly string[]): Promise<void>;
  /** Keys of all parts that start with `prefix`. */
  partKeys(prefix: string): Promise<string[]>;
  getModel(key: string): Promise<StoredModel | undefined>;
  putModel(model: StoredModel): Promise<void>;
  /** Deletes the model and its parts. */
  deleteModel(key: string): Promise<void>;
  models(): Promise<StoredModel[]>;
}
