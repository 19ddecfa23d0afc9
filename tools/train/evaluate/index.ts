/** Held-out bits per byte by domain, and routing, of any number of files on the same texts. */
import { mkdir } from "node:fs/promises";
import { basename } from "node:path";
import { type Encoding, encodedAndDecoded } from "../encoding.ts";
import { heldOutSamples } from "../prepare/domains.ts";
import { loadCore } from "../prepare/tokenizer.ts";
import type { Shape } from "../weights.ts";
import { type ReadModel, readModel } from "./model.ts";
import { divergence, frequencies, lruHitRatio, type Picks, touched } from "./routing.ts";
import { score } from "./score.ts";
import { type ScoredDocument, scoredDocuments } from "./texts.ts";

export interface EvaluateOptions {
  readonly corpus: string;
  readonly files: readonly string[];
  /** Scored of each domain. */
  readonly bytes: number;
  readonly seed: number;
  readonly work: string;
  /** Besides each file as it is, its weights in these encodings. */
  readonly encodings: readonly Encoding[];
  readonly routing: boolean;
}

interface Evaluated {
  readonly file: string;
  readonly shape: Shape;
  readonly byteLength: number;
  readonly bitsPerByte: ReadonlyMap<string, number>;
  readonly picks: ReadonlyMap<string, readonly Picks[]>;
}

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;
const heading = (cells: readonly string[]): string => `${row(cells)}\n${row(cells.map(() => "---"))}`;
const percent = (value: number | undefined): string => (value === undefined ? "" : (value * 100).toFixed(1));

function printRouting({ file, shape, picks }: Evaluated): void {
  const domains = [...picks.keys()];
  const shares = new Map(domains.map((name) => [name, frequencies(shape, picks.get(name)!)]));
  console.log(`\n${file}: assignments an expert, 1 is an even load\n`);
  console.log(heading(["layer", "lightest", "heaviest", "mean divergence between domains (bits)"]));
  const all = frequencies(
    shape,
    domains.flatMap((name) => picks.get(name)!),
  );
  for (const [layer, loads] of all.entries()) {
    const pairs = domains.flatMap((a, i) =>
      domains.slice(i + 1).map((b) => divergence(shares.get(a)![layer]!, shares.get(b)![layer]!)),
    );
    const mean = pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
    console.log(row([layer, Math.min(...loads).toFixed(2), Math.max(...loads).toFixed(2), mean.toFixed(3)]));
  }
  const counts = [1, 8, 32, 128];
  console.log(
    `\n${file}: experts touched after so many tokens, and hits of an LRU cache a layer, in percent\n`,
  );
  console.log(heading(["domain", ...counts.map(String), "LRU 25 %", "LRU 50 %"]));
  for (const name of domains) {
    const texts = picks.get(name)!;
    const hits = [4, 2].map((divisor) => percent(lruHitRatio(shape, texts, shape.experts / divisor)));
    console.log(row([name, ...counts.map((count) => percent(touched(shape, texts, count))), ...hits]));
  }
  console.log(
    `\n${file}: experts by domain, each layer's three most used (share of the assignments in percent)\n`,
  );
  console.log(heading(["domain", ...all.map((_, layer) => `layer ${layer}`)]));
  for (const name of domains) {
    const layers = shares.get(name)!.map((loads) =>
      loads
        .map((load, expert) => ({ load, expert }))
        .sort((a, b) => b.load - a.load || a.expert - b.expert)
        .slice(0, 3)
        .map(({ load, expert }) => `${expert} (${Math.round((load * 100) / shape.experts)})`)
        .join(", "),
    );
    console.log(row([name, ...layers]));
  }
}

/** A file, or its weights in another encoding. */
interface Candidate {
  readonly name: string;
  readonly values: Float32Array;
  readonly byteLength: number;
}

function candidatesOf(
  path: string,
  { shape, values, byteLength }: ReadModel,
  encodings: readonly Encoding[],
): Candidate[] {
  const encoded = encodings.map((encoding) => ({
    name: `${encoding.type}, embedding ${encoding.embeddingType}`,
    ...encodedAndDecoded(shape, values, encoding),
  }));
  return [{ name: basename(path), values, byteLength }, ...encoded];
}

type Domains = readonly { readonly name: string; readonly documents: readonly ScoredDocument[] }[];

async function evaluated(
  shape: Shape,
  { name: file, values, byteLength }: Candidate,
  domains: Domains,
  work: string,
) {
  const all = domains.flatMap(({ documents }) => documents);
  const { nats, picks } = await score(shape, values, all, work);
  const bitsPerByte = new Map<string, number>();
  const picksOf = new Map<string, readonly Picks[]>();
  let at = 0;
  for (const { name, documents } of domains) {
    const total = nats.slice(at, at + documents.length).reduce((sum, value) => sum + value, 0);
    bitsPerByte.set(name, total / Math.LN2 / documents.reduce((sum, { bytes }) => sum + bytes, 0));
    picksOf.set(name, picks.slice(at, at + documents.length));
    at += documents.length;
  }
  return { file, shape, byteLength, bitsPerByte, picks: picksOf };
}

export async function evaluate(options: EvaluateOptions): Promise<void> {
  const { corpus, files, bytes, seed, work, encodings, routing } = options;
  await mkdir(work, { recursive: true });
  const core = await loadCore();
  const samples = await heldOutSamples(corpus, seed);
  const results: Evaluated[] = [];
  for (const path of files) {
    const model = await readModel(path, core);
    const domains = [...samples].map(([name, texts]) => ({
      name,
      documents: scoredDocuments(texts, model.tokenizer, bytes),
    }));
    for (const candidate of candidatesOf(path, model, encodings))
      results.push(await evaluated(model.shape, candidate, domains, work));
  }
  console.log(`Bits per byte, about ${bytes} bytes a domain\n`);
  console.log(heading(["domain", ...results.map(({ file }) => file)]));
  console.log(row(["bytes", ...results.map(({ byteLength }) => byteLength)]));
  for (const name of samples.keys())
    console.log(row([name, ...results.map(({ bitsPerByte }) => bitsPerByte.get(name)!.toFixed(4))]));
  if (routing) for (const result of results) printRouting(result);
}
