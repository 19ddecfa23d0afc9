import { hasCode } from "../../api/errors.ts";
import type { ByteRange } from "../coalesce.ts";
import { createSharing } from "../share.ts";
import { changedError, checkRange } from "./checks.ts";
import type { Source, UnopenedFile } from "./source.ts";

/** Whether a file whose validator has changed holds the same model; throws only what reading it throws. */
export type ContentCheck = (fresh: Source, signal: AbortSignal) => Promise<boolean>;

/** A model's file: a source that knows its header, and what to do when the file behind it changes. */
export interface ModelSourceFile extends Source {
  /** The bytes from 0 that were read without a gap so far; no more are kept from here on. */
  takeHeader(): Uint8Array;
  /** Asked when the file turns out to have another validator; without it that is `source-changed`. */
  setContentCheck(check: ContentCheck): void;
  /** Called when the file is the same under a new validator. */
  onAdopted(listener: () => void): void;
  /** Called before `source-changed` is thrown. */
  onChanged(listener: () => Promise<void>): void;
}

export const isModelFile = (source: Source): source is ModelSourceFile => "takeHeader" in source;

/** A local file: nothing of it is kept, and it says itself when it has changed. */
export function localFile(source: Source): ModelSourceFile {
  return {
    ...source,
    takeHeader: () => new Uint8Array(),
    setContentCheck: () => undefined,
    onAdopted: () => undefined,
    onChanged: () => undefined,
    close: () => source.close?.(),
  };
}

/** What is known of a file that is not open. */
export interface KnownFile {
  readonly size: number;
  readonly validator: string | undefined;
  /** What `takeHeader` gave when the model was first loaded. */
  readonly header: Uint8Array<ArrayBuffer>;
}

/** Times that one read lets the file get another validator before it gives up. */
const MAX_ADOPTIONS = 3;

/**
 * A file that came, or comes, over a network, either open or `known` from an earlier visit. Header reads are served
 * from what is known; a file that is not open is opened when something else is read, so that a complete model is
 * used without any request. Whenever it is opened, and after it has shown another validator, it must be what it
 * was: by its validator, or by the same header and the same parts where the content check looks.
 *
 * Errors: those of `open`, and `source-changed`.
 */
export function remoteFile(file: UnopenedFile, start: Source | KnownFile): ModelSourceFile {
  const { name, identity } = file;
  const { size } = start;
  const opening = createSharing<Source>();
  const adopted: (() => void)[] = [];
  const changed: (() => Promise<void>)[] = [];
  let opened = "header" in start ? undefined : start;
  let header = "header" in start ? start.header : new Uint8Array();
  let recording = opened !== undefined;
  let contentCheck: ContentCheck | undefined;
  let validator = start.validator;

  async function isSame(fresh: Source, signal: AbortSignal): Promise<boolean> {
    if (validator !== undefined && fresh.validator === validator) return true;
    if (!contentCheck) return false;
    const first = await fresh.read(0, header.length, signal);
    return first.every((byte, i) => byte === header[i]) && contentCheck(fresh, signal);
  }

  async function openAndCheck(signal: AbortSignal, first: ByteRange): Promise<Source> {
    const fresh = await file.open(signal, first);
    try {
      if (fresh.size !== size) throw changedError(name, `it had ${size} bytes and has ${fresh.size}`);
      if (!(await isSame(fresh, signal))) throw changedError(name, "its content is not what it was");
    } catch (error) {
      fresh.close?.();
      if (isChanged(error)) await Promise.all(changed.map((listener) => listener()));
      throw error;
    }
    if (fresh.validator !== validator) {
      validator = fresh.validator;
      for (const listener of adopted) listener();
    }
    opened = fresh;
    return fresh;
  }

  function record(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (!recording || offset > header.length || end <= header.length) return;
    const longer = new Uint8Array(end);
    longer.set(header);
    longer.set(bytes, offset);
    header = longer;
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
      for (let adoptions = 0; ; adoptions++) {
        // A header is read in steps that end in the trunk: what it brought of that is not fetched again.
        const start = header.subarray(offset, offset + length);
        if (start.length === length) return start.slice();
        const rest = { offset: offset + start.length, length: length - start.length };
        const source =
          opened ??
          (await opening.share("open", true, signal, (_urgency, shared) => openAndCheck(shared, rest)));
        try {
          const fetched = await source.read(rest.offset, rest.length, signal);
          record(rest.offset, fetched);
          if (start.length === 0) return fetched;
          const bytes = new Uint8Array(length);
          bytes.set(start);
          bytes.set(fetched, start.length);
          return bytes;
        } catch (error) {
          if (!isChanged(error) || adoptions === MAX_ADOPTIONS) throw error;
          // Unless another read has had it opened anew meanwhile.
          if (opened === source) {
            opened = undefined;
            source.close?.();
          }
        }
      }
    },
    takeHeader() {
      recording = false;
      return header;
    },
    setContentCheck(check) {
      contentCheck = check;
    },
    onAdopted: (listener) => void adopted.push(listener),
    onChanged: (listener) => void changed.push(listener),
    close() {
      opening.abortAll();
      opened?.close?.();
    },
  };
}

const isChanged = (error: unknown): boolean => hasCode(error, "source-changed");
