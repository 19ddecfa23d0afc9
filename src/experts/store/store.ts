import type { TabLinks } from "../tabs/links.ts";

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
  /** What serves the bytes of parts; undefined until that has been measured. */
  payloads(): "indexeddb" | "opfs" | "memory" | undefined;
  /** Given where other tabs share the store and can know of each other. */
  readonly links?: TabLinks | undefined;
  /** Takes what this store has no room for, for as long as the page lives. */
  readonly fallback?: PartStore | undefined;
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
  /** Lets go of open files; they are opened again when they are needed. */
  release?(): void;
}
