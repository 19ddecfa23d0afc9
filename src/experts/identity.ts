import { LAYOUT_VERSION } from "../model/quantization.ts";
import type { Core } from "../wasm/core.ts";
import { headerKey } from "./segments.ts";
import {
  type ModelInput,
  type OpenOptions,
  openAll,
  type UnopenedFile,
  unopenedFiles,
} from "./source/open.ts";
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
  const headers = stored && (await readHeaders(store, core, stored.key, unopened));

  if (stored && headers && !headers.lacking) {
    const listeners: (() => void)[] = [];
    const files = await Promise.all(
      unopened.map(async (file, index) => {
        const header = headers.byFile[index];
        if (!header) return recordingHeader(await file.open());
        return storedFile({
          file,
          known: { size: stored.fileBytes[index]!, validator: stored.validators[index], header },
          onAdopted: () => {
            for (const listener of listeners) listener();
          },
        });
      }),
    );
    return {
      key: stored.key,
      files,
      damagedHeaders: 0,
      superseded: keysBut(versions, stored.key),
      onAdopted: (listener) => void listeners.push(listener),
      close: () => closeAll(files),
    };
  }

  const sources = await openAll(unopened, signal);
  const fromNetwork = `${filesHash}-${hash(sources.map(({ size, validator }) => [size, validator ?? null]))}`;
  const known = versions.find((model) => isUnchanged(model, sources));
  // Without validators a changed file of the same size would have the key, and so the parts, of the old one.
  if (!known && versions.some((model) => model.key === fromNetwork)) await store.deleteModel(fromNetwork);
  const key = known?.key ?? fromNetwork;
  return {
    key,
    files: sources.map(recordingHeader),
    damagedHeaders: headers?.damaged ?? 0,
    superseded: keysBut(versions, key),
    onAdopted: () => undefined,
    close: () => closeAll(sources),
  };
}

const keysBut = (models: readonly StoredModel[], key: string): string[] =>
  models.map((model) => model.key).filter((other) => other !== key);

function closeAll(files: readonly Source[]): void {
  for (const file of files) file.close?.();
}

/** True if validators say that the files are those of the manifest. A local file's identity says it all. */
const isUnchanged = ({ fileBytes, validators }: StoredModel, sources: readonly Source[]): boolean =>
  sources.length === fileBytes.length &&
  sources.every(
    ({ size, validator, remote }, i) =>
      size === fileBytes[i] && (!remote || (validator !== undefined && validator === validators[i])),
  );

/** Manifests of the same files, last used first. A store that fails knows none. */
async function storedVersions(store: PartStore, keyPrefix: string): Promise<StoredModel[]> {
  const models = await store.models().catch((): StoredModel[] => []);
  return models.filter(({ key }) => key.startsWith(keyPrefix)).sort((a, b) => b.lastUsed - a.lastUsed);
}

interface StoredHeaders {
  /** Undefined for a local file, and for one whose header is missing or damaged. */
  readonly byFile: readonly (Uint8Array | undefined)[];
  readonly damaged: number;
  /** A remote file has none: the manifest alone cannot serve the model. */
  readonly lacking: boolean;
}

async function readHeaders(
  store: PartStore,
  core: Pick<Core, "checksum">,
  modelKey: string,
  files: readonly UnopenedFile[],
): Promise<StoredHeaders> {
  let damaged = 0;
  const byFile = await Promise.all(
    files.map(async ({ remote }, index) => {
      if (!remote) return undefined;
      const key = headerKey(modelKey, index);
      // A value that the browser cannot read back is as lost as a damaged one.
      const [part] = await store.getParts([key]).catch(() => [{ bytes: new Uint8Array(), checksum: "" }]);
      if (!part || core.checksum(part.bytes) === part.checksum) return part?.bytes;
      damaged++;
      await store.deleteParts([key]).catch(() => undefined);
      return undefined;
    }),
  );
  return { byFile, damaged, lacking: files.some(({ remote }, i) => remote && !byFile[i]) };
}
