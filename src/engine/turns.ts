/** Runs computations one after the other, in the order they were asked for. */
export interface Turns {
  /** Resolves when it is this caller's turn, with the function that ends it. */
  take(): Promise<() => void>;
}

export function turns(): Turns {
  let last: Promise<void> = Promise.resolve();
  return {
    async take() {
      const before = last;
      let end = (): void => undefined;
      last = new Promise((resolve) => {
        end = resolve;
      });
      await before;
      return end;
    },
  };
}
