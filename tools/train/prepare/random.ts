import { randomStream } from "../../make-model/random.mjs";

/** Choices that a seed and a name determine. */
export interface Choices {
  /** An integer in [from, to]. */
  between(from: number, to: number): number;
  of<T>(list: readonly T[]): T;
}

export function choices(seed: number, name: string): Choices {
  const { next } = randomStream(seed, name);
  const between = (from: number, to: number): number => from + (next() % (to - from + 1));
  return { between, of: (list) => list[between(0, list.length - 1)]! };
}
