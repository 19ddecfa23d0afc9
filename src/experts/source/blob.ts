import { throwIfAborted } from "../../api/errors.ts";
import { changedError, checkRange } from "./checks.ts";
import type { Source } from "./source.ts";

/**
 * A file of the user's, sliced in place. A File is known by name, size and date; a bare Blob by its size alone,
 * which is enough because nothing of a local source is kept.
 */
export function openBlobSource(blob: Blob): Source {
  const file = typeof File !== "undefined" && blob instanceof File ? blob : undefined;
  const name = file?.name ?? "Blob";
  const { size } = blob;
  return {
    name,
    identity: `file:${name}:${size}:${file?.lastModified ?? ""}`,
    size,
    validator: file && String(file.lastModified),
    remote: false,
    async read(offset, length, signal) {
      throwIfAborted(signal);
      checkRange(name, size, offset, length);
      let bytes: ArrayBuffer;
      try {
        bytes = await blob.slice(offset, offset + length).arrayBuffer();
      } catch {
        // Browsers refuse to read a File that was changed or removed after it was picked.
        throw changedError(name, "it was changed, moved or deleted after it was picked");
      }
      throwIfAborted(signal);
      return new Uint8Array(bytes);
    },
  };
}
