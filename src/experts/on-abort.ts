const callbacksOf = new WeakMap<AbortSignal, { readonly callbacks: Set<() => void>; unlink(): void }>();

/**
 * Calls back once when the signal fires; returns what takes the callback away again. One listener a signal, however
 * many parts of a batch wait on it: Node warns of a leak from the eleventh on.
 */
export function onAbort(signal: AbortSignal | null | undefined, callback: () => void): () => void {
  if (!signal) return () => undefined;
  let entry = callbacksOf.get(signal);
  if (!entry) {
    const callbacks = new Set<() => void>();
    const fire = (): void => {
      callbacksOf.delete(signal);
      for (const each of callbacks) each();
    };
    signal.addEventListener("abort", fire, { once: true });
    entry = { callbacks, unlink: () => signal.removeEventListener("abort", fire) };
    callbacksOf.set(signal, entry);
  }
  const { callbacks, unlink } = entry;
  callbacks.add(callback);
  return () => {
    if (!callbacks.delete(callback) || callbacks.size > 0 || callbacksOf.get(signal) !== entry) return;
    callbacksOf.delete(signal);
    unlink();
  };
}
