/** Documents as the trainer reads them: token ids in 16 bits, and where each document ends in 32. */
import { writeFile } from "node:fs/promises";

export interface Shard {
  readonly documents: number;
  readonly tokens: number;
}

/** Documents longer than `context` are cut into several; what is left of a question's answer is dropped. */
export async function writeShard(
  path: string,
  documents: Iterable<{ readonly ids: readonly number[]; readonly divisible: boolean }>,
  context: number,
): Promise<Shard> {
  const tokens: number[] = [];
  const ends: number[] = [];
  for (const { ids, divisible } of documents) {
    for (let from = 0; from < (divisible ? ids.length : 1); from += context) {
      const part = ids.slice(from, from + context);
      if (part.length < 2) continue;
      for (const id of part) tokens.push(id);
      ends.push(tokens.length);
    }
  }
  await writeFile(`${path}.tokens`, Uint16Array.from(tokens));
  await writeFile(`${path}.ends`, Uint32Array.from(ends));
  return { documents: ends.length, tokens: tokens.length };
}
