import { throwIfAborted, type WebMoEError } from "../../api/errors.ts";
import { changedError, networkError } from "./checks.ts";
import { discard, type Watch, watchStall } from "./response.ts";
import { type Attempt, type NetworkEnvironment, retryAfterMs, withRetries } from "./retry.ts";

/** Statuses that say "later". */
const BUSY: readonly number[] = [408, 429, 502, 503, 504];

/** Requests to one URL, which remember where it redirects to. */
export interface Requester {
  /** One request. A status that waiting may heal is a failure; any other error status is thrown. */
  send(init: RequestInit, signal: AbortSignal | undefined): Promise<Attempt<Response>>;
  /** Sends, and hands the answer to `use` under a watch that ends stalled transfers. */
  attempt<T>(
    init: RequestInit,
    signal: AbortSignal | undefined,
    use: (response: Response, watch: Watch) => Promise<Attempt<T>>,
  ): Promise<Attempt<T>>;
  /** Runs attempts until one succeeds (`withRetries`). */
  retrying<T>(signal: AbortSignal | undefined, run: () => Promise<Attempt<T>>): Promise<T>;
}

export function createRequester(url: string, environment: NetworkEnvironment): Requester {
  let resolved: string | undefined;

  async function send(init: RequestInit, signal: AbortSignal | undefined): Promise<Attempt<Response>> {
    let response: Response;
    try {
      // no-store: stored parts need no second copy in the HTTP cache, whose entry lock would also make
      // concurrent ranges of one URL wait for each other.
      const request: RequestInit = { ...init, cache: "no-store" };
      const target = resolved ?? url;
      response = await environment.fetch(target, request);
      if (target !== url && (response.status === 401 || response.status === 403)) {
        discard(response);
        // Unless another request has resolved it anew meanwhile: hosts limit resolutions.
        if (resolved === target) resolved = undefined;
        response = await environment.fetch(resolved ?? url, request);
      }
    } catch (cause) {
      throwIfAborted(signal);
      return { failure: unreachable(url, cause) };
    }
    if (response.ok) {
      if (response.redirected && response.url) resolved = response.url;
      return { value: response };
    }
    discard(response);
    const failure = badStatus(url, response);
    if (response.status === 416 && !asksForStart(init)) throw changedError(url, "it has become shorter");
    const busy = BUSY.includes(response.status);
    if (!busy && response.status < 500) throw failure;
    const wait = retryAfterMs(response.headers.get("retry-after"), environment.now());
    return { failure, busy, retryAfterMs: wait };
  }

  async function attempt<T>(
    init: RequestInit,
    signal: AbortSignal | undefined,
    use: (response: Response, watch: Watch) => Promise<Attempt<T>>,
  ): Promise<Attempt<T>> {
    const watch = watchStall(signal);
    try {
      const sent = await send({ ...init, signal: watch.signal }, signal);
      return "value" in sent ? await use(sent.value, watch) : sent;
    } finally {
      watch.end();
    }
  }

  return { send, attempt, retrying: (signal, run) => withRetries(environment, signal, run) };
}

const asksForStart = ({ headers }: RequestInit): boolean =>
  new Headers(headers).get("range")?.startsWith("bytes=0-") ?? true;

function unreachable(url: string, cause: unknown): WebMoEError {
  return networkError(
    `${url} could not be fetched. Check the connection; if the file is on another site, its server must ` +
      "allow this page (Access-Control-Allow-Origin).",
    cause,
  );
}

function badStatus(url: string, { status }: Response): WebMoEError {
  const advice =
    status === 401 || status === 403
      ? "The file needs permission that this page does not have."
      : status === 404 || status === 410
        ? "Check the address."
        : status === 429 || status >= 500
          ? "The server is busy or failing; try again later."
          : "Check the address and the server.";
  return networkError(`${url} answered HTTP ${status}. ${advice}`);
}
