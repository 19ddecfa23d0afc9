/** From a corpus folder to a vocabulary, token shards and the mixture that the trainer reads. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { learnVocabulary, wordCounter } from "./bpe.ts";
import { type Domain, heldOutSamples, trainingDomains, trainingTexts } from "./domains.ts";
import { CONTROL_TOKENS, piecesOf, type Sample } from "./form.ts";
import { writeShard } from "./shards.ts";
import { encoder, loadCore, tokenizerOf } from "./tokenizer.ts";

export interface PrepareOptions {
  readonly corpus: string;
  readonly out: string;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly seed: number;
}

const textsOf = (sample: Sample): string[] =>
  piecesOf(sample).flatMap((piece) => ("text" in piece ? [piece.text] : []));

/** Words of all domains, weighted so that each domain counts by its share of the tokens. */
function countWords(domains: readonly Domain[]): ReadonlyMap<string, number> {
  const counter = wordCounter();
  for (const { samples, first, last } of domains) {
    const texts = samples.flatMap(textsOf);
    const characters = texts.reduce((sum, text) => sum + text.length, 0);
    // Weights are such that the whole counts as 100 million characters.
    const weight = (((first + last) / 2) * 1e6) / characters;
    for (const text of texts) counter.add(text, weight);
  }
  return counter.counts;
}

export async function prepare({
  corpus,
  out,
  vocabSize,
  contextLength,
  seed,
}: PrepareOptions): Promise<void> {
  const { documents, dropped } = await trainingTexts(corpus);
  for (const [name, count] of Object.entries(dropped))
    console.log(`${name}: ${count} training documents left out, held out elsewhere`);
  const domains = trainingDomains(documents, seed);
  const vocabulary = learnVocabulary(countWords(domains), CONTROL_TOKENS, vocabSize, 2);
  await mkdir(join(out, "heldout"), { recursive: true });
  await writeFile(join(out, "vocabulary.json"), JSON.stringify(vocabulary));

  const encode = encoder(tokenizerOf(await loadCore(), vocabulary));
  const write = (path: string, samples: readonly Sample[]) =>
    writeShard(
      path,
      samples.map((sample) => ({ ids: encode(sample), divisible: sample.plain !== undefined })),
      contextLength,
    );
  const mixture: string[] = [];
  for (const { name, first, last, samples } of domains) {
    const { documents: count, tokens } = await write(join(out, name), samples);
    mixture.push(`${name} ${first} ${last}\n`);
    console.log(`${name}: ${count} documents, ${tokens} tokens, share ${first} → ${last}`);
  }
  for (const [name, samples] of await heldOutSamples(corpus, seed))
    await write(join(out, "heldout", name), samples);
  await writeFile(join(out, "mixture.txt"), mixture.join(""));
}
