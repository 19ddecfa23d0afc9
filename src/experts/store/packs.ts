/** Where a payload lies: `length` bytes from `offset` of a pack. */
export interface PackedAt {
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Payload bytes beside IndexedDB, in the origin private file system. Each writer appends to packs of its own, so two
 * tabs never write one file, and what a pack says at a place never changes. Nothing here is checked or listed: keys
 * and checksums are the store's.
 */
export interface Packs {
  /** Errors: `QuotaExceededError`. */
  append(modelKey: string, payloads: readonly Uint8Array[]): Promise<PackedAt[]>;
  /** Undefined if the pack is gone or shorter. */
  read(modelKey: string, at: PackedAt): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Deletes every pack of the model. Rejects while another tab has one open. */
  deleteModel(modelKey: string): Promise<void>;
  /** Models that have packs. */
  models(): Promise<string[]>;
  /** Lets go of every file. */
  close(): void;
}

/** What is used of FileSystemSyncAccessHandle. */
interface SyncFile {
  read(buffer: Uint8Array, options: { readonly at: number }): number;
  write(buffer: Uint8Array, options: { readonly at: number }): number;
  close(): void;
}

/** The mode in which several tabs may have one file open; without it, the second tab reads the file as a Blob. */
const SHARED = { mode: "readwrite-unsafe" };

type FileHandle = FileSystemFileHandle & {
  createSyncAccessHandle?(options: typeof SHARED): Promise<SyncFile>;
};

/** Undefined where there is no such file system (Node, private windows) or no synchronous access to it. */
export async function openPacks(name: string): Promise<Packs | undefined> {
  try {
    if (!("createSyncAccessHandle" in FileSystemFileHandle.prototype)) return undefined;
    const directory = async (): Promise<FileSystemDirectoryHandle> =>
      (await navigator.storage.getDirectory()).getDirectoryHandle(name, { create: true });
    await directory();
    return createPacks(directory);
  } catch {
    return undefined;
  }
}

/** Packs in a directory, a folder a model. The directory is asked for anew each time, as a user may clear it. */
export function createPacks(directory: () => Promise<FileSystemDirectoryHandle>): Packs {
  const open = new Map<string, Promise<SyncFile | undefined>>();
  /** The pack that is written to, a model's, and where it ends. */
  const writing = new Map<string, { readonly pack: string; end: number }>();

  const pathOf = (modelKey: string, pack: string): string => `${modelKey}/${pack}`;

  async function handleOf(modelKey: string, pack: string, create: boolean): Promise<FileHandle> {
    const folder = await (await directory()).getDirectoryHandle(modelKey, { create });
    return folder.getFileHandle(pack, { create });
  }

  /** Undefined if the file is not there or held by another tab alone. */
  function fileOf(modelKey: string, pack: string, create = false): Promise<SyncFile | undefined> {
    const path = pathOf(modelKey, pack);
    let file = open.get(path);
    if (!file) {
      file = handleOf(modelKey, pack, create)
        .then((handle) => handle.createSyncAccessHandle?.(SHARED))
        .catch((error: unknown) => {
          open.delete(path);
          if (create) throw error;
          return undefined;
        });
      open.set(path, file);
    }
    return file;
  }

  async function closeFile(path: string): Promise<void> {
    const file = open.get(path);
    open.delete(path);
    (await file?.catch(() => undefined))?.close();
  }

  async function appendTo(modelKey: string, payloads: readonly Uint8Array[]): Promise<PackedAt[]> {
    let target = writing.get(modelKey);
    if (!target) {
      target = { pack: crypto.randomUUID(), end: 0 };
      writing.set(modelKey, target);
    }
    const { pack } = target;
    const file = await fileOf(modelKey, pack, true);
    if (!file) throw new Error("The pack could not be opened.");
    const places: PackedAt[] = [];
    for (const bytes of payloads) {
      const offset = target.end;
      target.end += bytes.length;
      if (file.write(bytes, { at: offset }) !== bytes.length)
        throw new DOMException("A pack took less than it was given.", "QuotaExceededError");
      places.push({ pack, offset, length: bytes.length });
    }
    return places;
  }

  return {
    async append(modelKey, payloads) {
      try {
        return await appendTo(modelKey, payloads);
      } catch {
        // The pack may have been deleted while it was open: another one shows whether that was all.
        const pack = writing.get(modelKey)?.pack;
        writing.delete(modelKey);
        if (pack) await closeFile(pathOf(modelKey, pack));
        return appendTo(modelKey, payloads);
      }
    },
    async read(modelKey, { pack, offset, length }) {
      const file = await fileOf(modelKey, pack);
      if (!file) {
        const blob = await handleOf(modelKey, pack, false)
          .then((handle) => handle.getFile())
          .catch(() => undefined);
        const bytes = new Uint8Array(
          await (blob?.slice(offset, offset + length) ?? new Blob()).arrayBuffer(),
        );
        return bytes.length === length ? bytes : undefined;
      }
      const bytes = new Uint8Array(length);
      try {
        if (file.read(bytes, { at: offset }) === length) return bytes;
      } catch {
        // The file system has taken the file away under the handle.
      }
      await closeFile(pathOf(modelKey, pack));
      return undefined;
    },
    async deleteModel(modelKey) {
      writing.delete(modelKey);
      for (const path of [...open.keys()]) if (path.startsWith(`${modelKey}/`)) await closeFile(path);
      await (await directory()).removeEntry(modelKey, { recursive: true }).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== "NotFoundError") throw error;
      });
    },
    async models() {
      const names: string[] = [];
      for await (const name of (await directory()).keys()) names.push(name);
      return names;
    },
    close() {
      for (const path of [...open.keys()]) void closeFile(path);
    },
  };
}
