import type { ExportedFile } from "../../index.ts";
import { download } from "../download.ts";

/** A picker of a place to save to, where the browser has one: bytes then go straight to the disk. */
type SavePicker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;

/** Chunks are handed to a Blob, and so out of the page's memory, when this many bytes are together. */
const BLOB_PIECE_BYTES = 64 * 1024 * 1024;

/** The whole stream as a Blob, which browsers keep on disk where it is large. */
async function collect(stream: ReadableStream<Uint8Array>): Promise<Blob> {
  const sealed: Blob[] = [];
  let loose: Uint8Array<ArrayBuffer>[] = [];
  let looseBytes = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (value) {
      loose.push(value as Uint8Array<ArrayBuffer>);
      looseBytes += value.length;
    }
    if (done || looseBytes >= BLOB_PIECE_BYTES) {
      sealed.push(new Blob(loose));
      loose = [];
      looseBytes = 0;
    }
    if (done) return new Blob(sealed, { type: "application/octet-stream" });
  }
}

/**
 * Lets the person choose where a file goes, then asks for it and writes it there; where the browser has no such
 * picker, the file is a download. False if the person chose no place. To be called from a click.
 */
export async function saveFile(
  name: string,
  open: () => Promise<ExportedFile>,
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<boolean> {
  const pick: unknown = Reflect.get(globalThis, "showSaveFilePicker");
  let handle: FileSystemFileHandle | undefined;
  if (typeof pick === "function")
    try {
      handle = await (pick as SavePicker)({ suggestedName: name });
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return false;
      throw error;
    }
  const { stream, byteLength } = await open();
  let done = 0;
  const counted = stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        done += chunk.length;
        onProgress(done, byteLength);
        controller.enqueue(chunk);
      },
    }),
  );
  if (handle) {
    await counted.pipeTo(await handle.createWritable());
    return true;
  }
  download(name, await collect(counted));
  return true;
}
