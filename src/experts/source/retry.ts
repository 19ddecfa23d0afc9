import { throwIfAborted, type WebMoEError } from "../../api/errors.ts";
import { sleep } from "../sleep.ts";

/** What reaches outside: replaced in tests. */
export interface NetworkEnvironment {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Resolves after `ms`, or rejects as soon as the signal fires. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Milliseconds since the epoch, for Retry-After dates. */
  readonly now: () => number;
}

/** The outcome of one try: what was asked for, or a failure that another try may heal. */
export type Attempt<T> =
  | { readonly value: T }
  | {
      readonly failure: WebMoEError;
      readonly retryAfterMs?: number | undefined;
      /** The server says that it is a matter of time. */
      readonly busy?: boolean | undefined;
      /** It brought enough to go on from there as if it were the first. */
      readonly advanced?: boolean | undefined;
    };

const MAX_ATTEMPTS = 4;

/** For a busy server: half a minute on average, and a quarter at least. */
const MAX_BUSY_ATTEMPTS = 7;
const FIRST_BACKOFF_MS = 500;
const MAX_WAIT_MS = 30_000;

export const browserEnvironment: NetworkEnvironment = {
  // A wrapper, because fetch called as a method of another object is an illegal invocation.
  fetch: (url, init) => fetch(url, init),
  sleep,
  random: Math.random,
  now: Date.now,
};

/** Milliseconds that a Retry-After header (seconds or an HTTP date) asks for. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/**
 * Tries up to four times, or seven while the server is busy, waiting 0.5 s, 1 s, 2 s and so on with jitter, or what the
 * server asked for, at most 30 s. What `attempt` throws is final.
 */
export async function withRetries<T>(
  environment: NetworkEnvironment,
  signal: AbortSignal | undefined,
  attempt: () => Promise<Attempt<T>>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    throwIfAborted(signal);
    const outcome = await attempt();
    if ("value" in outcome) return outcome.value;
    throwIfAborted(signal);
    if (outcome.advanced) tries = 1;
    if (tries >= (outcome.busy ? MAX_BUSY_ATTEMPTS : MAX_ATTEMPTS)) throw outcome.failure;
    const backoff = FIRST_BACKOFF_MS * 2 ** (tries - 1) * (0.5 + environment.random());
    await environment.sleep(Math.min(outcome.retryAfterMs ?? backoff, MAX_WAIT_MS), signal);
  }
}
