import { LAYOUT_VERSION } from "../model/quantization.ts";
import type { Core } from "../wasm/core.ts";
import { headerKey } from "./segments.ts";
import { type ModelInput, type OpenOptions, openAll, opened, unopenedFiles } from "./source/open.ts";
import type { Source, UnopenedFile } from "./source/source.ts";
import { partOf, promisedParts } from "./source/split.ts";
import { isModelFile, localFile, type ModelSourceFile, remoteFile } from "./source/stored.ts";
import type { PartStore, StoredModel } from "./store/store.ts";
import { takeOpeningTurn } from "./tabs/locks.ts";

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
  /** Lets the next tab that wants these files look for them in the store. Closing does it too. */
  endTurn(): void;
  /** Closes the files. A library that was opened over them does it in its own `close`. */
  close(): void;
}

export interface OpenModelOptions extends OpenOptions {
  readonly store: PartStore;
  readonly core: Pick<Core, "checksum">;
  /** Take the files as they are now, whatever is stored: after `source-changed`. */
  readonly fresh?: boolean;
  /**
   * Of how many files the model is of which `file` is one, as its header says. Given, one part of a split model
   * is enough to find the others, which lie beside it under the names that the split's naming scheme gives them.
   */
  readonly splitCount?: (file: Source, signal: AbortSignal | undefined) => Promise<number>;
}

/**
 * Opens a model's files. What is stored of the model from an earlier visit is used without asking the network;
 * the files are then opened only if bytes are missing.
 *
 * Errors: `invalid-argument`, those of openHttpSource (naming the part of a split model that is missing), and
 * those of `splitCount`. Reads may throw `source-changed`: open again with `fresh`.
 */
export async function openModel(input: ModelInput, options: OpenModelOptions): Promise<OpenedModel> {
  const given = unopenedFiles(input, options);
  const candidates = await lookUpAll(given, options);
  const stored = await openAnyStored(candidates, options);
  if (stored) return stored;
  const links = given.some(({ remote }) => remote) ? options.store.links : undefined;
  const endTurn = (await takeOpeningTurn(links, candidates.ofOne.filesHash, options.signal)) ?? noTurn;
  try {
    // Another tab may have stored the headers meanwhile.
    const known = links ? await lookUpAll(given, options) : candidates;
    const storedNow = links && (await openAnyStored(known, options));
    if (storedNow) endTurn();
    const model = storedNow ?? (await openAnyAnew(known, options));
    // The first look deletes what it finds damaged, and the second does not see it.
    const damagedHeaders = model.damagedHeaders + (links ? damageOf(candidates) : 0);
    const close = (): void => {
      endTurn();
      model.close();
    };
    return { ...model, damagedHeaders, endTurn, close };
  } catch (error) {
    endTurn();
    throw error;
  }
}

const noTurn = (): void => undefined;

/** The files as given, and where one file's name promises others, all of these. */
interface Candidates {
  readonly ofOne: KnownFiles;
  readonly ofParts: KnownFiles | undefined;
}

const damageOf = ({ ofOne, ofParts }: Candidates): number =>
  (ofOne.headers?.damaged ?? 0) + (ofParts?.headers?.damaged ?? 0);

async function lookUpAll(given: readonly UnopenedFile[], options: OpenModelOptions): Promise<Candidates> {
  const [only] = given;
  const parts = options.splitCount && only && given.length === 1 ? promisedParts(only) : undefined;
  const [ofOne, ofParts] = await Promise.all([lookUp(given, options), parts && lookUp(parts, options)]);
  return { ofOne, ofParts };
}

async function openAnyStored(
  { ofOne, ofParts }: Candidates,
  options: OpenModelOptions,
): Promise<OpenedModel | undefined> {
  return (ofParts && (await openStored(ofParts, options))) ?? openStored(ofOne, options);
}

async function openAnyAnew({ ofOne, ofParts }: Candidates, options: OpenModelOptions): Promise<OpenedModel> {
  const { signal, splitCount } = options;
  if (!ofParts || !splitCount) return openAnew(ofOne, options);
  const only = ofOne.unopened[0]!;
  const parts = ofParts.unopened;
  // A name promises nothing: the header of the part at hand decides.
  const file = modelFile(only, await only.open(signal));
  const count = await splitCount(file, signal).catch((error: unknown) => {
    file.close?.();
    throw error;
  });
  const known = count === parts.length ? ofParts : ofOne;
  const unopened = known.unopened.map((part, i) =>
    part.identity === only.identity ? { ...part, open: opened(file).open } : partOf(part, i, parts.length),
  );
  return openAnew({ ...known, unopened }, options);
}

/** Files, and what the store has of them. */
interface KnownFiles {
  readonly unopened: readonly UnopenedFile[];
  /** Checksum of the layout version and the files' identities. */
  readonly filesHash: string;
  /** Manifests of these files, last used first. */
  readonly versions: readonly StoredModel[];
  /** What may be used without asking the network. */
  readonly stored: StoredModel | undefined;
  readonly headers: StoredHeaders | undefined;
}

const hashWith = (core: Pick<Core, "checksum">, parts: readonly unknown[]): string =>
  core.checksum(new TextEncoder().encode(JSON.stringify(parts)));

async function lookUp(unopened: readonly UnopenedFile[], options: OpenModelOptions): Promise<KnownFiles> {
  const { store, core, fresh = false } = options;
  const filesHash = hashWith(core, [LAYOUT_VERSION, ...unopened.map(({ identity }) => identity)]);
  const remote = unopened.some((file) => file.remote);
  const versions = remote ? await storedVersions(store, `${filesHash}-`) : [];
  const stored = fresh
    ? undefined
    : versions.find(({ fileBytes, outdated }) => !outdated && fileBytes.length === unopened.length);
  const headers = stored && (await readHeaders(store, core, stored.key, unopened));
  return { unopened, filesHash, versions, stored, headers };
}

/** The model as it is stored; undefined if the store cannot serve its headers. */
async function openStored(
  { unopened, versions, stored, headers }: KnownFiles,
  { store }: OpenModelOptions,
): Promise<OpenedModel | undefined> {
  if (!stored || !headers || headers.lacking) return undefined;
  const files = await Promise.all(
    unopened.map(async (file, index) => {
      const header = headers.byFile[index];
      if (!header) return localFile(await file.open());
      const validator = stored.validators[index];
      return remoteFile(validator === undefined ? file : (file.version?.(validator) ?? file), {
        size: stored.fileBytes[index]!,
        validator,
        header: Uint8Array.from(header),
      });
    }),
  );
  return openedModel(stored.key, files, { store, versions, damagedHeaders: 0 });
}

/** The files as they are now. */
async function openAnew(
  { unopened, filesHash, versions, headers }: KnownFiles,
  { store, core, signal }: OpenModelOptions,
): Promise<OpenedModel> {
  const sources = await openAll(unopened, signal);
  const validators = sources.map(({ size, validator }) => [size, validator ?? null]);
  const fromNetwork = `${filesHash}-${hashWith(core, validators)}`;
  const known = versions.find((model) => isUnchanged(model, sources));
  // Without validators a changed file of the same size would have the key, and so the parts, of the old one.
  if (!known && versions.some((model) => model.key === fromNetwork)) await store.deleteModel(fromNetwork);
  const key = known?.key ?? fromNetwork;
  const files = sources.map((source, i) => modelFile(unopened[i]!, source));
  return openedModel(key, files, { store, versions, damagedHeaders: headers?.damaged ?? 0 });
}

const modelFile = (file: UnopenedFile, source: Source): ModelSourceFile =>
  isModelFile(source) ? source : source.remote ? remoteFile(file, source) : localFile(source);

function openedModel(
  key: string,
  files: readonly ModelSourceFile[],
  {
    store,
    versions,
    damagedHeaders,
  }: Pick<KnownFiles, "versions"> & {
    readonly store: PartStore;
    readonly damagedHeaders: number;
  },
): OpenedModel {
  for (const file of files) file.onChanged(() => outdate(store, key));
  return {
    key,
    files,
    damagedHeaders,
    superseded: keysBut(versions, key),
    onAdopted: (listener) => {
      for (const file of files) file.onAdopted(listener);
    },
    endTurn: noTurn,
    close: () => closeAll(files),
  };
}

/** What is stored stays until a new version is complete, but is not used again without asking the network. */
async function outdate(store: PartStore, key: string): Promise<void> {
  try {
    const model = await store.getModel(key);
    if (model) await store.putModel({ ...model, outdated: true });
  } catch {
    // A store that fails keeps the model as it is: the next visit finds out again.
  }
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
