import { onAbort } from "./on-abort.ts";
import { abortedError } from "./source/checks.ts";

/** Resolves after `ms`. Error: `aborted`, as soon as the signal fires. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      unlink();
      resolve();
    }, ms);
    const unlink = onAbort(signal, () => {
      clearTimeout(timer);
      reject(abortedError());
    });
  });
}
