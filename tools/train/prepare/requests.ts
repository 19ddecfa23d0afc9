/** Requests for stories, made from the stories: what a story is about is what it names most. */
import type { Choices } from "./random.ts";

const TOPICS =
  "dog cat bird bunny rabbit bear lion tiger elephant monkey mouse frog fish duck horse pig cow sheep goat fox wolf owl bee butterfly spider snake turtle whale dolphin shark dragon unicorn dinosaur robot fairy witch wizard princess prince king queen knight pirate giant monster ghost mermaid boy girl baby mom dad grandma grandpa teacher doctor farmer clown car truck train boat ship plane bike ball doll toy kite balloon book tree flower garden forest river lake sea ocean beach mountain park farm zoo castle school rain snow star moon sun cake cookie apple banana hat box ring treasure magic birthday squirrel penguin puppy kitten parrot hen chick ant caterpillar snowman swing slide puzzle drum guitar".split(
    " ",
  );

const QUESTIONS = [
  "Tell me a story about TOPIC.",
  "Tell me a story about TOPIC.",
  "Tell me a short story about TOPIC.",
  "Write a story about TOPIC.",
  "Write a short story about TOPIC.",
  "Can you tell me a story about TOPIC?",
  "Please write a story about TOPIC.",
  "I want to hear a story about TOPIC.",
  "Make up a story about TOPIC.",
];

const ANY = [
  "Tell me a story.",
  "Write a short story.",
  "Can you tell me a story?",
  "Tell me a bedtime story.",
];

const NAMED = /\b(?:named|called) ([A-Z][a-z]+)\b/;

const article = (noun: string): string => (/^[aeiou]/.test(noun) ? "an" : "a");
const UNCOUNTED = new Set(["rain", "snow", "magic", "mom", "dad", "grandma", "grandpa"]);
const UNIQUE = new Set(["sun", "moon", "sea", "ocean", "beach"]);

function phrase(noun: string): string {
  if (UNCOUNTED.has(noun)) return noun;
  return `${UNIQUE.has(noun) ? "the" : article(noun)} ${noun}`;
}

/** Nouns of the list by how often a story has them, at least twice. */
function topicsOf(story: string): string[] {
  const counts = new Map<string, number>();
  for (const [word] of story.toLowerCase().matchAll(/[a-z]+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const times = (noun: string): number => (counts.get(noun) ?? 0) + (counts.get(`${noun}s`) ?? 0);
  return TOPICS.filter((noun) => times(noun) >= 2).sort((a, b) => times(b) - times(a));
}

/** What a user may have said to be told this story. */
export function requestFor(story: string, random: Choices): string {
  const topics = topicsOf(story).slice(0, 2);
  const first = topics[0];
  if (first === undefined) return random.of(ANY);
  const name = NAMED.exec(story)?.[1];
  const forms = [phrase(first)];
  if (name) forms.push(`${phrase(first)} and ${name}`);
  if (topics[1] !== undefined) forms.push(`${phrase(first)} and ${phrase(topics[1])}`);
  return random.of(QUESTIONS).replace("TOPIC", random.between(0, 2) === 0 ? random.of(forms) : forms[0]!);
}
