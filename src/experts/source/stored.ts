import { createSharing } from "../share.ts";
import { changedError, checkRange } from "./checks.ts";
import type { Source, UnopenedFile } from "./source.ts";

/** Whether a file whose validator has changed holds the same model; throws only what reading it throws. */
export type ContentCheck = (fresh: Source, signal: AbortSignal) => Promise<boolean>;

/** A model's file: a source that keeps the header as it is read, and may not be open yet. */
export interface ModelSourceFile extends Source {
  /** The bytes from 0 that were read without a gap so far; none are kept from here on. */
  takeHeader(): Uint8Array;
  /** Asked when the file behind a stored model turns out to have another validator. */
  setContentCheck(check: ContentCheck): void;
}

export const isModelFile = (source: Source): source is ModelSourceFile => "takeHeader" in source;

/** What the store knows of a file. */
export interface KnownFile {
  readonly size: number;
  readonly validator: string | undefined;
  /** What `takeHeader` gave when the model was first loaded. */
  readonly header: Uint8Array;
}

/** An open source, its header bytes kept while they are read so that they can be stored. */
export function recordingHeader(source: Source): ModelSourceFile {
  const { name, identity, size, validator, remote } = source;
  let header: Uint8Array<ArrayBuffer> | undefined = new Uint8Array();
  return {
    name,
    identity,
    size,
    validator,
    remote,
    async read(offset, length, signal) {
      if (header && offset + length <= header.length) return header.slice(offset, offset + length);
      const bytes = await source.read(offset, length, signal);
      if (remote && header && offset <= header.length && offset + length > header.length) {
        const longer = new Uint8Array(offset + length);
        longer.set(header);
        longer.set(bytes, offset);
        header = longer;
      }
      return bytes;
    },
    takeHeader() {
      const taken = header ?? new Uint8Array();
      header = undefined;
      return taken;
    },
    setContentCheck: () => undefined,
    close: () => source.close?.(),
  };
}

/**
 * A file of a stored model. Header reads are served from what is stored; the file itself is opened when something
 * else is read, so that a complete model is used without any request. The first answer must then have the
 * stored validator, or the same header and the same parts where the content check looks.
 *
 * Errors: those of `open`, and `source-changed`.
 */
export function storedFile({
  file: { name, identity, open },
  known,
  onAdopted,
}: {
  readonly file: UnopenedFile;
  readonly known: KnownFile;
  /** The file is the same under a new validator. */
  readonly onAdopted: () => void;
}): ModelSourceFile {
  const { size, header } = known;
  const opening = createSharing<Source>();
  let opened: Source | undefined;
  let contentCheck: ContentCheck | undefined;
  let validator = known.validator;

  async function isSame(fresh: Source, signal: AbortSignal): Promise<boolean> {
    if (validator !== undefined && fresh.validator === validator) return true;
    if (!contentCheck) return false;
    const start = await fresh.read(0, header.length, signal);
    return start.every((byte, i) => byte === header[i]) && contentCheck(fresh, signal);
  }

  async function openAndCheck(signal: AbortSignal): Promise<Source> {
    const fresh = await open(signal);
    try {
      if (fresh.size !== size) throw changedError(name, `it had ${size} bytes and has ${fresh.size}`);
      if (!(await isSame(fresh, signal))) throw changedError(name, "its content is not what was stored");
    } catch (error) {
      fresh.close?.();
      throw error;
    }
    if (fresh.validator !== validator) {
      validator = fresh.validator;
      onAdopted();
    }
    opened = fresh;
    return fresh;
  }

  return {
    name,
    identity,
    size,
    get validator() {
      return validator;
    },
    remote: true,
    async read(offset, length, signal) {
      checkRange(name, size, offset, length);
      if (offset + length <= header.length) return header.slice(offset, offset + length);
      const source =
        opened ?? (await opening.share("open", true, signal, (_urgency, shared) => openAndCheck(shared)));
      return source.read(offset, length, signal);
    },
    takeHeader: () => header,
    setContentCheck(check) {
      contentCheck = check;
    },
    close() {
      opening.abortAll();
      opened?.close?.();
    },
  };
}
