import { throwIfAborted, type WebMoEError } from "../../api/errors.ts";
import type { ByteRange } from "../coalesce.ts";
import { onAbort } from "../on-abort.ts";
import { changedError, checkRange, networkError } from "./checks.ts";
import { openStream } from "./http-stream.ts";
import { createRequester } from "./request.ts";
import {
  type Body,
  differingValidator,
  discard,
  parseContentLength,
  parseContentRange,
  readBody,
  showsValidator,
  validatorOf,
  watchStall,
} from "./response.ts";
import { type Attempt, browserEnvironment, type NetworkEnvironment } from "./retry.ts";
import type { Source } from "./source.ts";

/** The first request brings this much, which holds most headers whole. */
export const FIRST_REQUEST_BYTES = 256 * 1024;

export interface HttpSourceOptions extends Partial<NetworkEnvironment> {
  /** Ends opening; what was opened lives on (`close`). */
  readonly signal?: AbortSignal | undefined;
  /** What the first request asks for, and a read is about to; without it the start of the file. */
  readonly first?: ByteRange | undefined;
}

interface Validity {
  readonly size: number;
  readonly validator: string | undefined;
}

/**
 * A file behind HTTP, read by single ranges.
 *
 * - Only `Range` is sent, which CORS allows without a preflight request; If-Range would need one.
 * - Redirects are resolved once and their target used until it answers 401 or 403 (signed URLs expire).
 * - A server without Range answers the first request with the whole file. That one response is kept in Blobs,
 *   which browsers hold outside the JS heap, and reads resolve as soon as their bytes have come.
 *
 * Errors: `network`, `source-changed`, `aborted`.
 */
export async function openHttpSource(url: string, options: HttpSourceOptions = {}): Promise<Source> {
  const environment: NetworkEnvironment = { ...browserEnvironment, ...definedOnly(options) };
  // The first request outlives the opening where the server has no Range, so its signal is our own.
  const lifetime = new AbortController();
  const unlink = onAbort(options.signal, () => lifetime.abort());

  const { send, attempt, retrying } = createRequester(url, environment);

  /** The size of the file, where CORS hides Content-Range from us. */
  const askSize = (signal: AbortSignal | undefined): Promise<number> =>
    retrying(signal, () =>
      attempt({ method: "HEAD" }, signal, async (response) => {
        const size = parseContentLength(response.headers.get("content-length"));
        if (size === undefined)
          throw networkError(
            `${url} does not tell its size. Its server must send Content-Length, or expose Content-Range ` +
              "through Access-Control-Expose-Headers.",
          );
        return { value: size };
      }),
    );

  async function readRange(
    { size, validator }: Validity,
    offset: number,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const last = offset + length - 1;
    const body: Body = { bytes: new Uint8Array(length), received: 0 };
    let mayGoOn = false;
    return retrying(signal, () => {
      // What came before the connection broke is good only if the rest is surely of the same version.
      if (!mayGoOn) body.received = 0;
      const from = offset + body.received;
      return attempt({ headers: { Range: `bytes=${from}-${last}` } }, signal, async (response, watch) => {
        const failed = (failure: WebMoEError): Attempt<never> => {
          discard(response);
          return { failure };
        };
        if (response.status !== 206)
          return failed(networkError(`${url} stopped answering range requests (HTTP ${response.status}).`));
        refuseEncoding(url, response);
        const range = parseContentRange(response.headers.get("content-range"));
        const differing = differingValidator(validator, response, range?.total ?? size);
        if (differing !== undefined)
          throw discarded(response, changedError(url, `its validator was ${validator} and is ${differing}`));
        if (range?.total !== undefined && range.total !== size)
          return failed(changedError(url, `it had ${size} bytes and has ${range.total}`));
        if (range && (range.from !== from || range.to !== last))
          return failed(
            networkError(`${url} answered bytes ${range.from}-${range.to} to a request for ${from}-${last}.`),
          );
        mayGoOn = showsValidator(validator, response, range?.total ?? size);
        // The rest of another version would have thrown above, so what came of this one stands.
        if (!mayGoOn && body.received > 0) {
          body.received = 0;
          return failed(networkError(`${url} does not say any more which version it sends.`));
        }
        return readBody(response, body, { url }, watch, signal);
      });
    });
  }

  interface Opened extends Validity {
    readonly head: Uint8Array<ArrayBuffer>;
  }

  const first = options.first ?? { offset: 0, length: FIRST_REQUEST_BYTES };
  const firstLast = first.offset + first.length - 1;

  /** The first bytes asked for, or the answer of a server that sends the whole file. */
  const begin = async (): Promise<Attempt<Opened | Response>> => {
    const sent = await send(
      { headers: { Range: `bytes=${first.offset}-${firstLast}` }, signal: lifetime.signal },
      options.signal,
    );
    if (!("value" in sent) || sent.value.status !== 206) return sent;
    const response = sent.value;
    refuseEncoding(url, response);
    const range = parseContentRange(response.headers.get("content-range"));
    if (range && (range.from !== first.offset || range.to > firstLast)) {
      discard(response);
      const asked = `${first.offset}-${firstLast}`;
      return {
        failure: networkError(`${url} answered bytes ${range.from}-${range.to} to a request for ${asked}.`),
      };
    }
    const watch = watchStall(options.signal);
    const length = range ? range.to + 1 - first.offset : first.length;
    const body = await readBody(
      response,
      { bytes: new Uint8Array(length), received: 0 },
      { url, atMost: !range },
      watch,
      options.signal,
    ).finally(watch.end);
    if (!("value" in body)) return body;
    const head = body.value;
    const end = first.offset + head.length;
    const size = range?.total ?? (head.length < first.length ? end : await askSize(options.signal));
    if (end !== Math.min(firstLast + 1, size))
      return { failure: networkError(`${url} ended at byte ${end} of ${size}.`) };
    return { value: { head, size, validator: validatorOf(response, size) } };
  };

  // The first request decides how the server is read. A whole-file answer leaves the retry loop with its body
  // unread, as its transfer outlives the opening.
  const answer = await retrying(options.signal, begin).catch((error: unknown) => {
    unlink();
    throw error;
  });

  if (!("head" in answer)) {
    const again = (signal: AbortSignal): Promise<Response> =>
      retrying(signal, () => send({ signal }, signal));
    return openStream(url, answer, { remote: crossesNetwork(url), stop: lifetime, again }).finally(unlink);
  }
  unlink();

  const { size, validator } = answer;
  let head: Uint8Array<ArrayBuffer> | undefined = answer.head;
  return {
    name: url,
    identity: url,
    size,
    validator,
    remote: crossesNetwork(url),
    async read(offset, length, signal) {
      throwIfAborted(signal);
      checkRange(url, size, offset, length);
      if (length === 0) return new Uint8Array();
      const from = offset - first.offset;
      if (head && from >= 0 && from + length <= head.length) {
        const bytes = head.slice(from, from + length);
        // A header is read in steps; anything else is read once, and may be large.
        if (options.first) head = undefined;
        return bytes;
      }
      return readRange(answer, offset, length, signal);
    },
  };
}

/** False for blob and data URLs, which are as local as a file. */
export const crossesNetwork = (url: string): boolean => /^https?:/.test(url);

function definedOnly<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function discarded(response: Response, error: WebMoEError): WebMoEError {
  discard(response);
  return error;
}

/** Ranges of a compressed representation are not ranges of the file. */
function refuseEncoding(url: string, response: Response): void {
  const encoding = response.headers.get("content-encoding");
  if (encoding && encoding !== "identity")
    throw discarded(
      response,
      networkError(
        `${url} sends ranges with Content-Encoding ${encoding}; its server must not compress model files.`,
      ),
    );
}
