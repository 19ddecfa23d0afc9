import { throwIfAborted, WebMoEError } from "../../api/errors.ts";
import { onAbort } from "../on-abort.ts";
import { abortedError, changedError, checkRange, networkError } from "./checks.ts";
import { bodyChunks, discard, parseContentLength, validatorOf, watchStall } from "./response.ts";
import type { Source } from "./source.ts";

/** Chunks are handed to a Blob, and so out of the JS heap, when this many bytes are together. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** Times that a transfer may break without having brought a byte before the source fails. */
const MAX_BARREN_TRANSFERS = 3;

interface Waiter {
  readonly end: number;
  resolve(): void;
  reject(error: unknown): void;
}

export interface StreamOptions {
  readonly remote: boolean;
  /** Ends the download; the first response's request follows it. */
  readonly stop: AbortController;
  /** Sends the request again, for a transfer that broke. */
  again(signal: AbortSignal): Promise<Response>;
}

/**
 * A server without Range: one response, kept while it arrives. A read waits only for its own bytes. A transfer
 * that breaks starts anew, and what had already come is skipped.
 */
export async function openStream(
  url: string,
  first: Response,
  { remote, stop, again }: StreamOptions,
): Promise<Source> {
  const pieces: { offset: number; blob: Blob }[] = [];
  let loose: Uint8Array[] = [];
  let looseBytes = 0;
  let received = 0;
  let complete = false;
  let failure: unknown;
  const waiters = new Set<Waiter>();

  const promisedSize = sizeOf(first);
  const validator = validatorOf(first, promisedSize ?? 0);

  function seal(): void {
    if (looseBytes === 0) return;
    pieces.push({ offset: received - looseBytes, blob: new Blob(loose as BlobPart[]) });
    loose = [];
    looseBytes = 0;
  }

  function wake(): void {
    for (const waiter of waiters) {
      if (received >= waiter.end) waiter.resolve();
      else if (failure !== undefined) waiter.reject(failure);
      else if (complete) waiter.reject(networkError(`${url} ended after ${received} bytes.`));
    }
  }

  function append(chunk: Uint8Array): void {
    if (promisedSize !== undefined && received + chunk.length > promisedSize)
      throw new WebMoEError("network", `${url} sent more than the ${promisedSize} bytes it promised.`);
    loose.push(chunk);
    looseBytes += chunk.length;
    received += chunk.length;
    if (looseBytes >= PIECE_BYTES) seal();
    wake();
  }

  /** Takes the body from its start; true if it came to its end. */
  async function transfer(response: Response): Promise<boolean> {
    const watch = watchStall(stop.signal);
    let position = 0;
    try {
      for await (const chunk of bodyChunks(response, watch)) {
        throwIfAborted(stop.signal);
        const known = Math.min(chunk.length, Math.max(0, received - position));
        position += chunk.length;
        if (known < chunk.length) append(chunk.subarray(known));
      }
    } catch (error) {
      if (error instanceof WebMoEError) throw error;
      return false;
    } finally {
      watch.end();
    }
    return promisedSize === undefined || received === promisedSize;
  }

  async function run(): Promise<void> {
    let response = first;
    let barren = 0;
    for (;;) {
      const before = received;
      if (await transfer(response)) break;
      throwIfAborted(stop.signal);
      barren = received > before ? 0 : barren + 1;
      if (barren === MAX_BARREN_TRANSFERS)
        throw networkError(`${url} keeps breaking off after ${received} bytes.`);
      response = await again(stop.signal);
      const answered = validatorOf(response, sizeOf(response) ?? 0);
      if (answered !== validator || sizeOf(response) !== promisedSize) {
        discard(response);
        throw changedError(url, "its date, ETag or length is not what it was");
      }
    }
    seal();
    complete = true;
  }

  const running = run()
    .catch((error: unknown) => {
      failure = stop.signal.aborted ? abortedError() : error;
    })
    .finally(wake);

  function arrival(end: number, readSignal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        waiters.delete(waiter);
        unlink();
        action();
      };
      const cancel = (): void => settle(() => reject(abortedError()));
      const waiter: Waiter = {
        end,
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      };
      const unlink = onAbort(readSignal, cancel);
      waiters.add(waiter);
      wake();
    });
  }

  if (promisedSize === undefined) {
    await running;
    if (failure !== undefined) throw failure;
  }
  const size = promisedSize ?? received;

  return {
    name: url,
    identity: url,
    size,
    validator,
    remote,
    async read(offset, length, readSignal) {
      throwIfAborted(readSignal);
      checkRange(url, size, offset, length);
      await arrival(offset + length, readSignal);
      const bytes = new Uint8Array(length);
      const place = (from: number, part: Uint8Array): void => bytes.set(part, from - offset);
      // Loose chunks first: waiting for a Blob lets more of them be sealed.
      let at = received - looseBytes;
      for (const chunk of loose) {
        const from = Math.max(at, offset);
        const to = Math.min(at + chunk.length, offset + length);
        if (from < to) place(from, chunk.subarray(from - at, to - at));
        at += chunk.length;
      }
      for (const { offset: start, blob } of [...pieces]) {
        const from = Math.max(start, offset);
        const to = Math.min(start + blob.size, offset + length);
        if (from < to) place(from, new Uint8Array(await blob.slice(from - start, to - start).arrayBuffer()));
      }
      throwIfAborted(readSignal);
      return bytes;
    },
    close: () => stop.abort(),
  };
}

/** The length of the file; unknown where the transfer is compressed or the server does not say. */
function sizeOf(response: Response): number | undefined {
  const encoding = response.headers.get("content-encoding");
  if (encoding && encoding !== "identity") return undefined;
  return parseContentLength(response.headers.get("content-length"));
}
