/** What a file says: twelve fixed prompts with fixed seeds, unedited, and its answers to held-out sums. */
import type { Model, Prompt } from "../../src/api/model.ts";
import { type ImportFile, openModel } from "./library.ts";
import { choices } from "./prepare/random.ts";
import { sums } from "./prepare/sums.ts";

const asked = (...contents: readonly string[]): Prompt =>
  contents.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }) as const);

const PROMPTS: readonly (readonly [string, Prompt])[] = [
  ["stories", "Once upon a time, there was a little"],
  ["stories, asked for", asked("Tell me a story about a dragon.")],
  ["stories, asked for", asked("Write a short story about a boy who finds a robot.")],
  ["small talk", asked("Who are you?")],
  [
    "several turns",
    asked("Hello!", "Hello! How can I help you?", "Can you tell me a short story about a cat?"),
  ],
  ["questions", asked("Where is Kenya?")],
  ["questions", asked('What does "garden" mean?')],
  ["role-play", asked("You are a pirate captain. Tell your crew about the treasure.")],
  ["sums", asked("What is 12 + 30?")],
  ["sums", asked("Tom has 5 apples and buys 7 more. How many apples does Tom have now?")],
  ["programs", asked("Write a Python function that returns the sum of a list of numbers.")],
  ["Shakespeare", "ROMEO:\n"],
];

const TOKENS = 160;
const SUMS = 200;

async function textOf(model: Model, prompt: Prompt, options: object): Promise<string> {
  let text = "";
  for await (const token of model.generate(prompt, options)) text += token.text;
  return text;
}

export async function samples(importFile: ImportFile, path: string): Promise<void> {
  const model = await openModel(importFile, path);
  for (const [seed, [domain, prompt]] of PROMPTS.entries()) {
    const text = await textOf(model, prompt, { seed: seed + 1, temperature: 0.7, maxTokens: TOKENS });
    const shown = typeof prompt === "string" ? prompt : `${JSON.stringify(prompt)}\n`;
    console.log(`**${domain}, seed ${seed + 1}**\n\n\`\`\`\n${shown}${text}\n\`\`\`\n`);
  }
  let right = 0;
  for (const { turns } of sums("heldout", SUMS, choices(1, "asked sums"))) {
    const { question, answer } = turns[0]!;
    const said = await textOf(model, asked(question), { temperature: 0, repeatPenalty: 1, maxTokens: 40 });
    if (said === answer) right++;
  }
  console.log(`Held-out sums answered exactly: ${right} of ${SUMS}.`);
  await model.dispose();
}
