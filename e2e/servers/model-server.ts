/**
 * A server of one file that behaves as it is told: what goes wrong between a page and a host, on purpose. It is on
 * a port of its own, so that to the page it is another site.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseRange } from "../../tools/run/static-server.mjs";

export interface ModelRequest {
  readonly method: string;
  readonly pathname: string;
  readonly search: URLSearchParams;
  /** How many requests came before since `reset`. */
  readonly index: number;
  readonly hasRange: boolean;
  /** What of the file was handed to the connection, `end` exclusive. */
  sent: { readonly start: number; readonly end: number };
  /** Fulfilled when the client has gone away before the answer's end. */
  readonly abandoned: Promise<void>;
}

/** How an answer departs from a good server's. */
export interface Behaviour {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly file?: Uint8Array;
  readonly etag?: string;
  /** Answers a range request with the whole file. */
  readonly ignoreRange?: boolean;
  /** Body bytes after which the connection breaks, whatever length was promised. */
  readonly breakAfter?: number;
  /** Milliseconds until the answer begins. */
  readonly delay?: number;
  /** Sends headers, then nothing. */
  readonly silent?: boolean;
  /** What a page of another site may read, beside what CORS always allows. Default: all that matters. */
  readonly exposed?: string;
  /** False sends no CORS header at all. */
  readonly cors?: boolean;
}

export type Behave = (request: ModelRequest) => Behaviour | undefined;

export interface ModelServer {
  /** Ends with a slash; every path below it is the file. */
  readonly url: string;
  readonly requests: readonly ModelRequest[];
  /** Fulfilled when so many requests have come since `reset`. */
  received(count: number): Promise<void>;
  /** Forgets the requests, and behaves as told from here on; without an argument, well. */
  reset(behave?: Behave): void;
  close(): Promise<void>;
}

const EXPOSED = "Content-Range, Content-Length, ETag, Retry-After";

export async function startModelServer(file: Uint8Array): Promise<ModelServer> {
  let behave: Behave = () => undefined;
  let requests: ModelRequest[] = [];

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(message.url ?? "/", "http://localhost");
    const request: ModelRequest = {
      method: message.method ?? "GET",
      pathname,
      search: searchParams,
      index: requests.length,
      hasRange: message.headers.range !== undefined,
      sent: { start: 0, end: 0 },
      abandoned: new Promise((gone) => {
        response.once("close", () => {
          if (!response.writableFinished) gone();
        });
      }),
    };
    requests.push(request);
    const { status, headers, ignoreRange, breakAfter, silent, cors = true, ...other } = behave(request) ?? {};
    if (other.delay) await new Promise((wake) => setTimeout(wake, other.delay));
    if (response.destroyed) return;
    const { file: bytes = file, etag = '"one"', exposed = EXPOSED } = other;
    const allow = cors
      ? { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": exposed }
      : undefined;
    if (status !== undefined) {
      response.writeHead(status, { ...allow, ...headers }).end();
      return;
    }
    const range = ignoreRange ? undefined : parseRange(message.headers.range, bytes.length);
    if (range === "unsatisfiable") {
      response.writeHead(416, allow).end();
      return;
    }
    const { start, end } = range ?? { start: 0, end: bytes.length };
    response.writeHead(range ? 206 : 200, {
      ...allow,
      "Content-Type": "application/octet-stream",
      "Content-Length": end - start,
      ETag: etag,
      ...(range ? { "Content-Range": `bytes ${start}-${end - 1}/${bytes.length}` } : {}),
      ...headers,
    });
    if (request.method === "HEAD") response.end();
    else if (silent) response.flushHeaders();
    else {
      request.sent = { start, end: Math.min(end, start + (breakAfter ?? end)) };
      const body = bytes.subarray(request.sent.start, request.sent.end);
      if (breakAfter === undefined) response.end(body);
      else response.write(body, () => response.destroy());
    }
  };

  const server = createServer((message, response) => void answer(message, response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("The model server is not listening.");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    get requests() {
      return requests;
    },
    async received(count) {
      while (requests.length < count) await new Promise((wake) => setTimeout(wake, 5));
    },
    reset(next = () => undefined) {
      behave = next;
      requests = [];
    },
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
