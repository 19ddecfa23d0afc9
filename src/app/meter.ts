import type { createFigures } from "./figures.ts";

/** Tokens a second as the person sees them arrive, and the wait for the first. */
export function createMeter(figures: ReturnType<typeof createFigures>) {
  let begun = 0;
  let first = 0;
  let last = 0;
  let shown = 0;
  let tokens = 0;
  /** The first token is the end of the prompt's time, not part of the rate. */
  const showRate = (until: number): void => figures.showRate((tokens - 1) / ((until - first) / 1000));
  return {
    start(): void {
      begun = performance.now();
    },
    count(): void {
      const now = performance.now();
      tokens++;
      if (tokens === 1) {
        first = now;
        figures.showFirstToken((now - begun) / 1000);
      } else if (now - shown > 200) {
        shown = now;
        showRate(now);
      }
      last = now;
    },
    finish: () => showRate(last),
  };
}
