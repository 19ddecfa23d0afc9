import { WebMoEError } from "../../api/errors.ts";

export const networkError = (message: string, cause?: unknown): WebMoEError =>
  new WebMoEError("network", message, { cause });

export const abortedError = (): WebMoEError =>
  new WebMoEError("aborted", "The operation was aborted by its signal.");

export const changedError = (name: string, how: string): WebMoEError =>
  new WebMoEError("source-changed", `${name} is no longer the same file: ${how}. Load the model again.`);

/** Throws `invalid-argument` unless the range lies in a source of `size` bytes. */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (!whole || offset < 0 || length < 0 || offset + length > size)
    throw new WebMoEError(
      "invalid-argument",
      `${name}: ${length} bytes from ${offset} do not lie in its ${size} bytes.`,
    );
}
