import { open, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { throwIfAborted, WebMoEError } from "../../api/errors.ts";
import { changedError, checkRange } from "./checks.ts";
import type { Source, UnopenedFile } from "./source.ts";

/**
 * A file on disk, for Node.
 *
 * Errors: `invalid-argument` if it cannot be opened, `source-changed` if it became shorter.
 */
export async function openFileSource(path: string): Promise<Source> {
  const name = resolve(path);
  const failed = (cause: unknown): WebMoEError =>
    new WebMoEError("invalid-argument", `${name} cannot be read: ${String(cause)}`, { cause });
  const { size, mtimeMs } = await stat(name).catch((cause: unknown) => {
    throw failed(cause);
  });
  const handle = await open(name, "r").catch((cause: unknown) => {
    throw failed(cause);
  });
  return {
    name,
    identity: `file:${name}:${size}:${mtimeMs}`,
    size,
    validator: String(mtimeMs),
    remote: false,
    folder: { fileName: basename(name), file: (other) => unopened(join(dirname(name), other)) },
    async read(offset, length, signal) {
      throwIfAborted(signal);
      checkRange(name, size, offset, length);
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) throw changedError(name, `it ends after ${offset + filled} of ${size} bytes`);
        filled += bytesRead;
      }
      throwIfAborted(signal);
      return bytes;
    },
    close: () => void handle.close().catch(() => undefined),
  };
}

const unopened = (name: string): UnopenedFile => ({
  name,
  identity: `file:${name}`,
  remote: false,
  open: () => openFileSource(name),
});
