/** Work that goes on only while nothing else does. */
export interface IdleWork {
  /** Stops the work until the returned function is called; pauses nest. */
  pause(): () => void;
  /** Stops it for good and waits until it has. */
  stop(): Promise<void>;
}

/** A user who is about to press the button comes first. */
const IDLE_MS = 400;

/**
 * Runs `work` after a moment of idleness and again after each pause, until it ends; a failure ends it too, since
 * whatever needs its result meets the failure itself.
 */
export function idleWork(work: ((signal: AbortSignal) => Promise<void>) | undefined): IdleWork {
  let pauses = 0;
  let finished = work === undefined;
  let running: { readonly abort: AbortController; readonly ended: Promise<void> } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const start = (): void => {
    if (finished || pauses > 0 || running) return;
    const abort = new AbortController();
    const ended = work!(abort.signal).then(
      () => {
        finished = true;
      },
      () => {
        finished ||= !abort.signal.aborted;
      },
    );
    running = { abort, ended: ended.finally(() => (running = undefined)) };
  };
  const schedule = (): void => {
    clearTimeout(timer);
    if (finished || pauses > 0) return;
    timer = setTimeout(() => {
      // A run that was told to stop may still be ending.
      if (running) void running.ended.then(schedule);
      else start();
    }, IDLE_MS);
    // In Node an idle timer must not keep the process alive.
    if (typeof timer === "object") timer.unref();
  };
  schedule();

  return {
    pause() {
      pauses++;
      clearTimeout(timer);
      running?.abort.abort();
      let resumed = false;
      return () => {
        if (resumed) return;
        resumed = true;
        pauses--;
        schedule();
      };
    },
    async stop() {
      finished = true;
      clearTimeout(timer);
      running?.abort.abort();
      await running?.ended;
    },
  };
}
