/**
 * What the model learns from: for each domain its samples and its share of the tokens, at first and while the learning
 * rate falls. Stories, questions and small chat have more than their share of the texts; the rest keeps the experts
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
  /** Shares of the tokens, in percent. */
  readonly first: number;
  readonly last: number;
  readonly train: readonly Sample[];
  /** Empty for domains that are made of others' texts. */
  readonly heldOut: readonly Sample[];
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

type CorpusName = (typeof CORPUS_NAMES)[number];

/** Those whose sentences are not patterns: only there does an overlap mean a copy. */
const PROSE: ReadonlySet<CorpusName> = new Set(["stories", "instruct", "reading", "encyclopedia", "literature"]);

const asSample = ({ prompt, text }: Document): Sample => (prompt === undefined ? plain(text) : answer(prompt, text));

/** A dictionary's headwords of several words are mostly names. */
const isCommonWord = ({ prompt = "" }: Document): boolean => /"[a-z]+"/.test(prompt);

export interface Corpus {
  readonly train: Readonly<Record<CorpusName, readonly Document[]>>;
  readonly heldOut: Readonly<Record<CorpusName, readonly Document[]>>;
  /** Training documents left out because a held-out document of some domain has their text. */
  readonly dropped: Readonly<Record<string, number>>;
}

export async function loadCorpus(folder: string): Promise<Corpus> {
  const load = async (part: Part): Promise<Record<CorpusName, readonly Document[]>> => {
    const entries = CORPUS_NAMES.map(async (name) => [name, await readCorpus(folder, name, part)] as const);
    return Object.fromEntries(await Promise.all(entries)) as Record<CorpusName, readonly Document[]>;
  };
  const heldOut = await load("heldout");
  const train = await load("train");
  const runs = heldOutRuns([...PROSE].flatMap((name) => heldOut[name]));
  const dropped: Record<string, number> = {};
  for (const name of PROSE) {
    const kept = train[name].filter((document) => !isHeldOutElsewhere(document, runs));
    dropped[name] = train[name].length - kept.length;
    train[name] = kept;
  }
  return { train, heldOut, dropped };
}

export function domainsOf({ train, heldOut }: Corpus, seed: number): readonly Domain[] {
  const random = (name: string) => choices(seed, name);
  const fromCorpus = (name: CorpusName, first: number, last: number, keep = (_: Document) => true): Domain => ({
    name,
    first,
    last,
    train: train[name].filter(keep).map(asSample),
    heldOut: heldOut[name].filter(keep).map(asSample),
  });
  /** Plain texts, whatever question goes with them. */
  const unasked = (domain: Domain, documents: readonly Document[], held: readonly Document[]): Domain => ({
    ...domain,
    train: documents.map(({ text }) => plain(text)),
    heldOut: held.map(({ text }) => plain(text)),
  });

  const tales = train.stories.filter(({ src }) => src.startsWith("tinystories"));
  const requests = random("requests");
  const storyChat = tales.map(({ text }) => answer(requestFor(text, requests), text));
  const sumSamples = sums("train", 60_000, random("sums"));
  const programSamples = programs();
  const turns = (samples: readonly Document[]): Sample[] => samples.flatMap(({ text }) => dialogueTurns(text) ?? []);
  const words = train.dictionary.filter(isCommonWord).map(asSample);
  return [
    fromCorpus("stories", 25, 20),
    { name: "storychat", first: 13, last: 18, train: storyChat, heldOut: [] },
    fromCorpus("instruct", 7, 10),
    fromCorpus("reading", 6, 5),
    fromCorpus("geography", 2, 2),
    fromCorpus("dictionary", 3, 2, isCommonWord),
    fromCorpus("recipes", 0.7, 0.5),
    fromCorpus("code", 8, 8),
    { name: "programs", first: 0.3, last: 0.3, train: programSamples, heldOut: [] },
    fromCorpus("math", 8, 6),
    { name: "sums", first: 4, last: 5, train: sumSamples, heldOut: sums("heldout", 1_000, random("held-out sums")) },
    fromCorpus("data", 0.8, 0.5),
    { name: "dialogue", first: 2.5, last: 2, train: turns(train.dialogue), heldOut: turns(heldOut.dialogue) },
    {
      name: "conversations",
      first: 4,
      last: 6,
      train: conversations(
        [storyChat, sumSamples, train.instruct.map(asSample), train.geography.map(asSample), words, programSamples],
        16_000,
        random("conversations"),
      ),
      heldOut: [],
    },
    { name: "greetings", first: 0.3, last: 0.3, train: greetings(), heldOut: [] },
    unasked(fromCorpus("encyclopedia", 6, 4), train.encyclopedia, heldOut.encyclopedia),
    { name: "encyclopediachat", first: 1.5, last: 1.5, train: train.encyclopedia.map(asSample), heldOut: [] },
    fromCorpus("shakespeare", 4, 4),
    fromCorpus("literature", 3, 1),
  ];
}
