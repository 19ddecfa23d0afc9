/** A directory of the origin private file system in memory. */

interface FakeFile {
  bytes: Uint8Array;
  openHandles: number;
}

export interface FakeDirectory extends FileSystemDirectoryHandle {
  /** Paths of all files. */
  paths(): string[];
  /** The content of a file, to damage it. */
  content(path: string): FakeFile;
}

const missing = (): DOMException => new DOMException("It is not there.", "NotFoundError");

/** `exclusive` is a browser without shared handles: a second one for a file is refused. */
export function fakeDirectory({ exclusive = false } = {}): FakeDirectory {
  const files = new Map<string, FakeFile>();
  const folders = new Set<string>();

  function fileHandle(file: FakeFile) {
    return {
      async getFile() {
        return new File([file.bytes.slice()], "pack");
      },
      async createSyncAccessHandle() {
        if (exclusive && file.openHandles > 0)
          throw new DOMException("In use.", "NoModificationAllowedError");
        file.openHandles++;
        return {
          read(buffer: Uint8Array, { at }: { at: number }) {
            const part = file.bytes.subarray(at, at + buffer.length);
            buffer.set(part);
            return part.length;
          },
          write(buffer: Uint8Array, { at }: { at: number }) {
            const longer = new Uint8Array(Math.max(file.bytes.length, at + buffer.length));
            longer.set(file.bytes);
            longer.set(buffer, at);
            file.bytes = longer;
            return buffer.length;
          },
          close: () => void file.openHandles--,
        };
      },
    };
  }

  function directory(path: string): object {
    const inner = (name: string): string => (path ? `${path}/${name}` : name);
    return {
      async getDirectoryHandle(name: string, { create = false } = {}) {
        if (!folders.has(inner(name)) && !create) throw missing();
        folders.add(inner(name));
        return directory(inner(name));
      },
      async getFileHandle(name: string, { create = false } = {}) {
        const known = files.get(inner(name));
        if (!known && !create) throw missing();
        const file = known ?? { bytes: new Uint8Array(), openHandles: 0 };
        files.set(inner(name), file);
        return fileHandle(file);
      },
      async removeEntry(name: string) {
        if (!folders.delete(inner(name))) throw missing();
        for (const each of files.keys()) if (each.startsWith(`${inner(name)}/`)) files.delete(each);
      },
      async *keys() {
        yield* folders;
      },
      paths: () => [...files.keys()],
      content: (each: string) => files.get(each)!,
    };
  }
  return directory("") as FakeDirectory;
}

/** The clock of a measurement in which reading the database and then the packs takes as many milliseconds. */
export function measuredClock(database: number, packs: number): () => number {
  const times = [0, database, database, database + packs];
  return () => times.shift() ?? 0;
}
