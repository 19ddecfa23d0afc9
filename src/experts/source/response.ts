import { throwIfAborted } from "../../api/errors.ts";
import { onAbort } from "../on-abort.ts";
import { networkError } from "./checks.ts";
import type { Attempt } from "./retry.ts";

/** A connection that has brought nothing for this long is given up and tried again. */
const STALL_MS = 60_000;

/** A signal that follows `outer` and also fires when `touch` has not been called for STALL_MS. */
export interface Watch {
  readonly signal: AbortSignal;
  touch(): void;
  end(): void;
}

export function watchStall(outer: AbortSignal | undefined): Watch {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  let timer = setTimeout(abort, STALL_MS);
  const unlink = onAbort(outer, abort);
  if (outer?.aborted) abort();
  return {
    signal: controller.signal,
    touch() {
      clearTimeout(timer);
      timer = setTimeout(abort, STALL_MS);
    },
    end() {
      clearTimeout(timer);
      unlink();
    },
  };
}

/**
 * Chunks of the body in order; leaving the loop early cancels the transfer, and so does the watch, which makes the
 * loop throw.
 */
export async function* bodyChunks(response: Response, watch: Watch): AsyncGenerator<Uint8Array, void, void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  // Not awaited: a transport that hangs would hang its reader with it.
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  const unlink = onAbort(watch.signal, cancel);
  let finished = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (watch.signal.aborted) throw new Error("The transfer stalled or was cancelled.");
      watch.touch();
      finished = done;
      if (done) return;
      yield value;
    }
  } finally {
    unlink();
    if (!finished) cancel();
  }
}

/** Ends a transfer whose body nobody wants. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => undefined);
}

/** Bytes of an answer that may come in several transfers. */
export interface Body {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many of them have come. */
  received: number;
}

/** A transfer that breaks after this many bytes is gone on with as if it were the first. */
const ADVANCE_BYTES = 64 * 1024;

/**
 * Fills what is missing of `body`, or with `atMost` up to as much. The length is checked while it arrives, so that a
 * server cannot fill memory.
 */
export async function readBody(
  response: Response,
  body: Body,
  { url, atMost = false }: { url: string; atMost?: boolean },
  watch: Watch,
  signal: AbortSignal | undefined,
): Promise<Attempt<Uint8Array<ArrayBuffer>>> {
  const { bytes } = body;
  const { length } = bytes;
  const before = body.received;
  const broken = (how: string, cause?: unknown): Attempt<never> => ({
    failure: networkError(`${url}${how}`, cause),
    advanced: body.received - before >= ADVANCE_BYTES,
  });
  try {
    for await (const chunk of bodyChunks(response, watch)) {
      if (body.received + chunk.length > length) {
        body.received = 0;
        return { failure: networkError(`${url} sent more than the ${length} bytes asked for.`) };
      }
      bytes.set(chunk, body.received);
      body.received += chunk.length;
    }
  } catch (cause) {
    throwIfAborted(signal);
    return broken(`: the connection broke after ${body.received} of ${length} bytes.`, cause);
  }
  if (body.received < length && !atMost)
    return broken(` sent ${body.received} of the ${length} bytes it promised.`);
  return { value: body.received === length ? bytes : bytes.slice(0, body.received) };
}

export interface ContentRange {
  readonly from: number;
  readonly to: number;
  /** Undefined if the server does not say (`*`). */
  readonly total: number | undefined;
}

/** `bytes from-to/total`; undefined if the header is absent, hidden by CORS, or nonsense. */
export function parseContentRange(header: string | null): ContentRange | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header?.trim() ?? "");
  if (!match) return undefined;
  const [from, to, total] = [
    Number(match[1]),
    Number(match[2]),
    match[3] === "*" ? undefined : Number(match[3]),
  ];
  const valid =
    Number.isSafeInteger(to) &&
    from <= to &&
    (total === undefined || (Number.isSafeInteger(total) && to < total));
  return valid ? { from, to, total } : undefined;
}

/** A whole number of bytes, or undefined. */
export function parseContentLength(header: string | null): number | undefined {
  const value = header === null || !/^\d+$/.test(header.trim()) ? undefined : Number(header);
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

/**
 * What changes with the file: its ETag, else date and length. A weak ETag is as good as a strong one here:
 * a model file has one representation, since compressed answers are refused.
 */
export function validatorOf(response: Response, size: number): string | undefined {
  return response.headers.get("etag") || datedValidator(response, size);
}

function datedValidator(response: Response, size: number): string | undefined {
  const modified = response.headers.get("last-modified");
  return modified ? `${modified}; ${size}` : undefined;
}

/** True if the response says that it is of the version that `known` names. */
export const showsValidator = (known: string | undefined, response: Response, size: number): boolean =>
  known !== undefined && validatorLike(known, response, size) === known;

/** The response's validator of the kind that `known` is, if it is there and differs. */
export function differingValidator(
  known: string | undefined,
  response: Response,
  size: number,
): string | undefined {
  if (known === undefined) return undefined;
  const answered = validatorLike(known, response, size);
  return answered && answered !== known ? answered : undefined;
}

function validatorLike(known: string, response: Response, size: number): string | undefined {
  const isEtag = /^(W\/)?"/.test(known);
  return isEtag ? (response.headers.get("etag") ?? undefined) : datedValidator(response, size);
}
