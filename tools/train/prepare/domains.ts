/**
 * What the model learns from: for each domain its samples and its share of the tokens, at first and at last. Stories, questions and small chat have more than their share of the texts; the rest keeps the experts
 * apart and the language wide.
 */
import { conversations, dialogueTurns } from "./conversations.ts";
import { type Document, type Part, readCorpus } from "./corpus.ts";
import { answer, plain, type Sample } from "./form.ts";
import { greetings } from "./greetings.ts";
import { heldOutRuns, isHeldOutElsewhere } from "./overlap.ts";
import { programs } from "./programs.ts";
import { choices } from "./random.ts";
import { requestFor } from "./requests.ts";
import { sums } from "./sums.ts";

export interface Domain {
  readonly name: string;
  /** Shares of the tokens, relative to the other domains'; between first and last they change evenly. */
  readonly first: number;
  readonly last: number;
  readonly samples: readonly Sample[];
}

export const CORPUS_NAMES = [
  "stories",
  "instruct",
  "reading",
  "geography",
  "dictionary",
  "recipes",
  "code",
  "math",
  "data",
  "dialogue",
  "encyclopedia",
  "shakespeare",
  "literature",
] as const;

export type CorpusName = (typeof CORPUS_NAMES)[number];

/** Those whose sentences are not patterns: only there does an overlap mean a copy. */
const PROSE: ReadonlySet<CorpusName> = new Set([
  "stories",
  "instruct",
  "reading",
  "encyclopedia",
  "literature",
]);

const asSample = ({ prompt, text }: Document): Sample =>
  prompt === undefined ? plain(text) : answer(prompt, text);

/** A dictionary's headwords of several words are mostly names. */
const isCommonWord = ({ prompt = "" }: Document): boolean => /"[a-z]+"/.test(prompt);

type Documents = Readonly<Record<CorpusName, readonly Document[]>>;

async function load(folder: string, part: Part): Promise<Record<CorpusName, readonly Document[]>> {
  const entries = CORPUS_NAMES.map(async (name) => [name, await readCorpus(folder, name, part)] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<CorpusName, readonly Document[]>;
}

const texts = (documents: readonly Document[]): Sample[] => documents.map(({ text }) => plain(text));
const turns = (documents: readonly Document[]): Sample[] =>
  documents.flatMap(({ text }) => dialogueTurns(text) ?? []);

/** Held-out samples by domain. Domains that are made of others' texts have none of their own. */
export async function heldOutSamples(
  folder: string,
  seed: number,
): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const heldOut = await load(folder, "heldout");
  const all = new Map<string, readonly Sample[]>(
    CORPUS_NAMES.map((name) => [name, heldOut[name].map(asSample)]),
  );
  all.set("dictionary", heldOut.dictionary.filter(isCommonWord).map(asSample));
  all.set("dialogue", turns(heldOut.dialogue));
  all.set("encyclopedia", texts(heldOut.encyclopedia));
  all.set("sums", sums("heldout", 1_000, choices(seed, "held-out sums")));
  return all;
}

export interface TrainingTexts {
  readonly documents: Documents;
  /** Documents left out because a held-out document of some domain has their text. */
  readonly dropped: Readonly<Record<string, number>>;
}

export async function trainingTexts(folder: string): Promise<TrainingTexts> {
  const heldOut = await load(folder, "heldout");
  const documents = await load(folder, "train");
  const runs = heldOutRuns([...PROSE].flatMap((name) => heldOut[name]));
  const dropped: Record<string, number> = {};
  for (const name of PROSE) {
    const kept = documents[name].filter((document) => !isHeldOutElsewhere(document, runs));
    dropped[name] = documents[name].length - kept.length;
    documents[name] = kept;
  }
  return { documents, dropped };
}

export function trainingDomains(documents: Documents, seed: number): readonly Domain[] {
  const random = (name: string) => choices(seed, name);
  const asTheyAre = (name: CorpusName, first: number, last: number): Domain => ({
    ...{ name, first, last },
    samples: documents[name].map(asSample),
  });
  const tales = documents.stories.filter(({ src }) => src.startsWith("tinystories"));
  const requests = random("requests");
  const storyChat = tales.map(({ text }) => answer(requestFor(text, requests), text));
  const sumSamples = sums("train", 60_000, random("sums"));
  const programSamples = programs();
  const words = documents.dictionary.filter(isCommonWord).map(asSample);
  const spoken = [
    ...[storyChat, sumSamples, words, programSamples],
    ...[documents.instruct.map(asSample), documents.geography.map(asSample)],
  ];
  return [
    asTheyAre("stories", 25, 20),
    { name: "storychat", first: 13, last: 18, samples: storyChat },
    asTheyAre("instruct", 5, 8),
    asTheyAre("reading", 7, 6),
    asTheyAre("geography", 2, 2),
    { name: "dictionary", first: 3, last: 2, samples: words },
    asTheyAre("recipes", 0.7, 0.5),
    asTheyAre("code", 8, 8),
    { name: "programs", first: 0.3, last: 0.3, samples: programSamples },
    asTheyAre("math", 8, 6),
    { name: "sums", first: 4, last: 5, samples: sumSamples },
    asTheyAre("data", 0.8, 0.5),
    { name: "dialogue", first: 2.5, last: 2, samples: turns(documents.dialogue) },
    {
      name: "conversations",
      first: 4,
      last: 6,
      samples: conversations(spoken, 16_000, random("conversations")),
    },
    { name: "greetings", first: 0.3, last: 0.3, samples: greetings() },
    { name: "encyclopedia", first: 6, last: 4, samples: texts(documents.encyclopedia) },
    { name: "encyclopediachat", first: 1.5, last: 1.5, samples: documents.encyclopedia.map(asSample) },
    asTheyAre("shakespeare", 4, 4),
    asTheyAre("literature", 4, 2),
  ];
}
