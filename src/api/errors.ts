/** What went wrong, as one word that code can switch on. */
export type ErrorCode =
  | "unsupported-architecture"
  | "unsupported-quantization"
  | "bad-gguf"
  | "source-changed"
  | "network"
  | "corrupt-part"
  | "quota"
  | "budget-too-small"
  | "out-of-memory"
  | "device-lost"
  | "context-full"
  | "in-use"
  | "aborted"
  | "invalid-argument";

/**
 * The one error class of the library. The message says what was wrong, where, and what to do; `code` is
 * stable across versions. It crosses the worker boundary with class, code and message intact.
 */
export class WebMoEError extends Error {
  override readonly name = "WebMoEError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether something thrown is the library's error of that code. */
export const hasCode = (error: unknown, code: ErrorCode): error is WebMoEError =>
  error instanceof WebMoEError && error.code === code;

/** Throws `aborted` if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new WebMoEError("aborted", "The operation was aborted by its signal.");
}
