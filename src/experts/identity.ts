import { WebMoEError } from "../api/errors.ts";
import { LAYOUT_VERSION } from "../model/quantization.ts";
import type { Core } from "../wasm/core.ts";
import { headerKey } from "./segments.ts";
import { type ModelInput, type OpenOptions, openAll, unopenedFiles } from "./source/open.ts";
import type { Source } from "./source/source.ts";
import { type ModelSourceFile, recordingHeader, storedFile } from "./source/stored.ts";
import type { PartStore, StoredModel } from "./store/store.ts";

/** A model's files and its name in the store. */
export interface OpenedModel {
  /**
   * `<files>-<version>`: a checksum of the layout version and the sources' identities, and one of their sizes
   * and validators, so that a file that changed in place gets parts of its own.
   */
  readonly key: string;
  readonly files: readonly ModelSourceFile[];
  /** The manifest of an earlier visit. */
  readonly stored: StoredModel | undefined;
  /** Stored headers found damaged. */
  readonly damagedHeaders: number;
  /** Other versions of the same files in the store; they may go when this one is complete. */
  readonly superseded: readonly string[];
  /** Called when a file turned out to be the same under a new validator. */
  onAdopted(listener: () => void): void;
  /** Closes the files. A library that was opened over them does it in its own `close`. */
  close(): void;
}

export interface OpenModelOptions extends OpenOptions {
  readonly store: PartStore;
  readonly core: Pick<Core, "checksum">;
  /** Take the files as they are now, whatever is stored: after `source-changed`. */
  readonly fresh?: boolean;
}

/**
 * Opens a model's files. What is stored of the model from an earlier visit is used without asking the network;
 * the files are then opened only if bytes are missing.
 *
 * Errors: `invalid-argument`, and those of openHttpSource. Reads may throw `source-changed`: open again with
 * `fresh`.
 */
export async function openModel(input: ModelInput, options: OpenModelOptions): Promise<OpenedModel> {
  const { store, core, fresh = false, signal } = options;
  const unopened = unopenedFiles(input, options);
  const hash = (parts: readonly unknown[]): string =>
    core.checksum(new TextEncoder().encode(JSON.stringify(parts)));
  const filesHash = hash([LAYOUT_VERSION, ...unopened.map(({ identity }) => identity)]);
  const remote = unopened.some((file) => file.remote);
  const versions = remote ? await storedVersions(store, `${filesHash}-`) : [];
  const stored = fresh ? undefined : versions.find(({ fileBytes }) => fileBytes.length === unopened.length);
  const others = (key: string): string[] =>
    versions.map((model) => model.key).filter((other) => other !== key);

  const closeAll = (files: readonly Source[]): void => {
    for (const file of files) file.close?.();
  };

  if (!stored) {
    const opened = await openAll(unopened, signal);
    const key = `${filesHash}-${hash(opened.map(({ size, validator }) => [size, validator ?? null]))}`;
    return {
      key,
      files: opened.map(recordingHeader),
      stored: versions.find((model) => model.key === key),
      damagedHeaders: 0,
      superseded: others(key),
      onAdopted: () => undefined,
      close: () => closeAll(opened),
    };
  }

  const listeners: (() => void)[] = [];
  let damagedHeaders = 0;
  const files = await Promise.all(
    unopened.map(async (file, index) => {
      if (!file.remote) return recordingHeader(await file.open());
      const { header, damaged } = await readHeader(store, core, headerKey(stored.key, index));
      if (damaged) damagedHeaders++;
      return storedFile({
        name: file.name,
        identity: file.identity,
        known: { size: stored.fileBytes[index]!, validator: stored.validators[index], header },
        open: file.open,
        onAdopted: () => {
          for (const listener of listeners) listener();
        },
      });
    }),
  );
  return {
    key: stored.key,
    files,
    stored,
    damagedHeaders,
    superseded: others(stored.key),
    onAdopted: (listener) => void listeners.push(listener),
    close: () => closeAll(files),
  };
}

/** Manifests of the same files, last used first. A store that fails knows none. */
async function storedVersions(store: PartStore, keyPrefix: string): Promise<StoredModel[]> {
  const models = await store.models().catch((): StoredModel[] => []);
  return models.filter(({ key }) => key.startsWith(keyPrefix)).sort((a, b) => b.lastUsed - a.lastUsed);
}

async function readHeader(
  store: PartStore,
  core: Pick<Core, "checksum">,
  key: string,
): Promise<{ header: Uint8Array | undefined; damaged: boolean }> {
  let header: Uint8Array | undefined;
  try {
    const [part] = await store.getParts([key]);
    if (!part) return { header: undefined, damaged: false };
    if (core.checksum(part.bytes) === part.checksum) header = part.bytes;
  } catch (error) {
    // A value that the browser cannot read back is as lost as a damaged one.
    if (error instanceof WebMoEError && error.code === "aborted") throw error;
  }
  if (!header) await store.deleteParts([key]).catch(() => undefined);
  return { header, damaged: !header };
}
