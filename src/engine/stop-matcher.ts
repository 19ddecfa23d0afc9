/** Finds stop strings in streamed text and holds back what may still become one. */
export interface StopMatcher {
  /** Text that is now certain, and whether a stop string ended it. */
  push(text: string): { readonly text: string; readonly stopped: boolean };
  /** Text still held back when the stream ends. */
  end(): string;
}

export function stopMatcher(stops: readonly string[]): StopMatcher {
  let held = "";
  return {
    push(text) {
      held += text;
      let at = -1;
      for (const stop of stops) {
        const found = held.indexOf(stop);
        if (found >= 0 && (at < 0 || found < at)) at = found;
      }
      if (at >= 0) {
        const before = held.slice(0, at);
        held = "";
        return { text: before, stopped: true };
      }
      let keep = 0;
      for (const stop of stops) {
        let length = Math.min(stop.length - 1, held.length);
        while (length > keep && !stop.startsWith(held.slice(held.length - length))) length--;
        keep = Math.max(keep, length);
      }
      const certain = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text: certain, stopped: false };
    },
    end() {
      const rest = held;
      held = "";
      return rest;
    },
  };
}
