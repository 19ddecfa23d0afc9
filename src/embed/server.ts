import { WebMoEError } from "../api/errors.ts";
import { fileNameOfUrl, parseSplitName, siblingUrl } from "../experts/source/split.ts";
import { watchPolicy } from "./policy.ts";

/** Above this many parts their size is not asked for: one request each. */
const MOST_PARTS = 64;

/** Answers to a HEAD request that say nothing about a GET: an address that is signed for GET answers 403. */
const NO_HEAD = [403, 405, 501];

/** A failed read waits this long for a better reason. */
const PATIENCE_MS = 5_000;

const fail = (message: string, cause?: unknown): never => {
  throw new WebMoEError("network", message, { cause });
};

/** A server that answers, but not to this page, can be asked without being read. */
function isThere(url: string, signal: AbortSignal): Promise<boolean> {
  return fetch(url, { method: "HEAD", mode: "no-cors", signal }).then(
    () => true,
    () => false,
  );
}

/**
 * Asks a server how large a file is, without downloading it. Undefined if it does not say.
 *
 * Errors: `network`, with what keeps the file from this page: its policy, the server's, or a wrong address.
 */
async function fileBytes(url: string, signal: AbortSignal): Promise<number | undefined> {
  // Other addresses, of files on the Hub and of imported ones, have no server of their own to ask.
  if (!/^https?:$/.test(new URL(url).protocol)) return undefined;
  const policy = watchPolicy();
  try {
    const response = await fetch(url, { method: "HEAD", signal });
    if (NO_HEAD.includes(response.status)) return undefined;
    if (!response.ok) fail(`The model's server answers HTTP ${response.status} for ${url}.`);
    const length = response.headers.get("content-length");
    return length === null || response.headers.has("content-encoding") ? undefined : Number(length);
  } catch (cause) {
    if (cause instanceof WebMoEError || signal.aborted) throw cause;
    const blocked = await policy.fetchProblem(url);
    if (blocked) return fail(blocked, cause);
    const { host } = new URL(url);
    if (await isThere(url, signal))
      return fail(
        `${host} does not let this page read the model: it must send Access-Control-Allow-Origin.`,
        cause,
      );
    return fail(`${host} could not be reached, or allows no page of another site to read the model.`, cause);
  } finally {
    policy.stop();
  }
}

/**
 * Asks how large a model is, all of its files if the address is that of a part of a split one. Undefined if that is not
 * known. Errors: those of the file that the address names.
 */
export async function modelBytes(url: string, signal: AbortSignal): Promise<number | undefined> {
  const own = await fileBytes(url, signal);
  const name = fileNameOfUrl(url);
  const split = name === undefined ? undefined : parseSplitName(name);
  if (!split) return own;
  if (own === undefined || split.count > MOST_PARTS) return undefined;
  const others = split.names.filter((_, part) => part !== split.index).map((other) => siblingUrl(url, other));
  // One that is named like a part may be none: the model is then opened without the others.
  const sizes = await Promise.all(others.map((other) => fileBytes(other, signal).catch(() => undefined)));
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), own);
}

/**
 * Why a model could not be read, as its server says now: clearer than what a failed read says. Undefined if it says
 * nothing, or not in time.
 */
export async function readProblem(url: string, signal: AbortSignal): Promise<WebMoEError | undefined> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    await fileBytes(url, limited);
  } catch (error) {
    if (error instanceof WebMoEError && !limited.aborted) return error;
  }
  return undefined;
}
