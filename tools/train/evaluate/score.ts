/** Runs the scoring program over documents. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { program, run } from "../build.ts";
import { type Shape, writeWeights } from "../weights.ts";
import type { ScoredDocument } from "./texts.ts";

export interface Scores {
  /** Nats that each document's scored tokens cost. */
  readonly nats: readonly number[];
  /** Per document the picks `[tokens][layers][expertsPerToken]`. */
  readonly picks: readonly Uint8Array[];
}

export async function score(
  shape: Shape,
  values: Float32Array,
  documents: readonly ScoredDocument[],
  folder: string,
): Promise<Scores> {
  const longest = Math.max(...documents.map(({ ids }) => ids.length));
  const path = (name: string): string => join(folder, name);
  await writeWeights(path("model.bin"), { ...shape, context: Math.max(shape.context, longest) }, values);
  await writeFile(path("documents.tokens"), Uint16Array.from(documents.flatMap(({ ids }) => ids)));
  let end = 0;
  await writeFile(
    path("documents.ends"),
    Uint32Array.from(
      documents.map(({ ids }) => {
        end += ids.length;
        return end;
      }),
    ),
  );
  await run(await program("score"), [
    ...["--model", path("model.bin"), "--documents", path("documents"), "--out", path("scores")],
  ]);
  const losses = new Float32Array((await readFile(path("scores.losses"))).buffer.slice(0));
  const picked = new Uint8Array(await readFile(path("scores.picks")));
  const picksOfToken = shape.layers * shape.expertsPerToken;
  let at = 0;
  const nats: number[] = [];
  const picks: Uint8Array[] = [];
  for (const { ids, scored } of documents) {
    nats.push(scored.reduce((sum, counts, i) => (counts && i > 0 ? sum + losses[at + i - 1]! : sum), 0));
    picks.push(picked.subarray(at * picksOfToken, (at + ids.length) * picksOfToken));
    at += ids.length;
  }
  return { nats, picks };
}
