// @ts-check
/**
 * What the models are asked. A greedy token is well defined only where the likeliest token leads the next by more
 * than rounding: of each slot's candidates the first is taken whose margins, by the oracle, are wide enough.
 */

/**
 * @typedef {object} Candidate
 * @property {string} text
 * @property {number} [tokens] the prompt is the text's first so many tokens
 *
 * @typedef {object} PromptSlot
 * @property {string} name
 * @property {readonly Candidate[]} candidates
 */

/** @param {string} question */
const chat = (question) => ({ text: `<|user|>\n${question}\n<|assistant|>\n` });

const GARDEN = `Once there was a small garden behind a school. Every morning the children came to see what had grown.
There were beans on tall sticks, round red tomatoes, and a row of sunflowers along the wall. A girl named Nora had
planted one seed in a corner where nothing ever grew. "It needs more sun," said her friend Ben. "It needs more rain,"
said the teacher. Nora gave it a little water each day and waited. One week passed, and then another. The beans were
picked and the tomatoes were eaten, but the corner stayed brown. Then, on a cold and windy day, Nora saw a thin green
line in the soil. She ran to tell Ben and the teacher, and they all came out in their coats to look at it. It was not
a bean and it was not a flower. It grew slowly, through the autumn, and in the spring it had two small leaves and a
strong stem. "It is a tree," said Ben. The children made a fence of sticks around it so that nobody would step on it.
Nora smiled and put her hand on the fence. She knew that the tree would be taller than the wall one day.`;

const HARBOR = `The old harbor lay quiet in the morning mist. Tom the cat sat on a barrel and watched the boats. He was
hungry, and he wanted a fish more than anything. A fisherman named Sam came down the stone steps with a big basket.
"Good morning, Tom," he said. "Will you help me today?" Tom did not know how a cat could help, but he jumped into the
boat. They went out past the lighthouse, where the water was deep and blue. Sam threw his net, and they waited. The sun
came up and the mist went away. A white bird landed on the boat and looked at Tom. "Have you seen any fish?" asked Tom.
"Follow me," said the bird, and it flew to the left. Sam turned the boat, for he had learned to trust the birds. Soon
the net was full, and it was so heavy that Sam had to pull with both hands. Tom pulled too, with his teeth. They came
home late, wet and happy. Sam gave Tom the biggest fish of all, and Tom gave half of it to the bird. From that day on
the three of them went out together every morning.`;

/** @type {readonly PromptSlot[]} */
export const EMBEDDED_PROMPTS = [
  {
    name: "story",
    candidates: [
      { text: "Once upon a time, there was a little girl named Lily." },
      { text: "Once upon a time" },
      { text: "One day, a boy found a shiny stone in the river." },
    ],
  },
  {
    name: "story, chat",
    candidates: [
      chat("Tell me a story about a dragon."),
      chat("Tell me a story about a cat."),
      chat("Tell me a story about a brave mouse."),
      chat("Tell me a story about the moon."),
    ],
  },
  {
    name: "who, chat",
    candidates: [chat("Who are you?"), chat("Hello!"), chat("What can you do?")],
  },
  {
    name: "definition, chat",
    candidates: [
      chat('What does "garden" mean?'),
      chat('What does "river" mean?'),
      chat('What does "house" mean?'),
      chat("What languages are spoken in Brazil?"),
      chat("What is the capital of Norway?"),
    ],
  },
  {
    name: "code, chat",
    candidates: [
      chat("Create a JavaScript function that reverses a string."),
      chat("Write a function that returns the sum of a list of numbers."),
      chat("Write a Python function that checks if a number is even."),
    ],
  },
  {
    name: "code",
    candidates: [
      { text: "def add(a, b):\n" },
      { text: "function max(a, b) {\n" },
      { text: "for (let i = 0; i < 10; i++) {\n" },
      { text: "import math\n\ndef area(r):\n    return" },
      { text: "class Stack:\n    def __init__(self):\n" },
    ],
  },
  {
    name: "math, chat",
    candidates: [
      chat("Tom has 5 apples and buys 7 more. How many apples does he have now?"),
      chat("What is 12 + 30?"),
      chat("A box holds 6 eggs. How many eggs are in 4 boxes?"),
      chat("What is 7 * 8?"),
    ],
  },
  {
    name: "Shakespeare",
    candidates: [
      { text: "ROMEO:\nWhat light" },
      { text: "JULIET:\n" },
      { text: "KING HENRY:\nMy lord," },
      { text: "HAMLET:\nTo be, or not to be" },
      { text: "First Citizen:\nWe are" },
      { text: "GLOUCESTER:\nNow is the winter" },
      { text: "DUKE:\nWelcome, good sir" },
      { text: "NURSE:\nMadam!" },
    ],
  },
  {
    name: "1 token",
    candidates: ["The", "Once", "One", "He", "She", "A", "In", "It", "I", "What"].map((text) => ({
      text,
      tokens: 1,
    })),
  },
  {
    name: "17 tokens",
    candidates: [
      {
        text: "The Battle of Waterloo was fought in the summer of 1815 near a small village in the north",
        tokens: 17,
      },
      {
        text: "A volcano is a mountain that opens downward to a pool of molten rock below the surface",
        tokens: 17,
      },
      {
        text: "The river begins in the mountains and runs through three countries before it meets the sea",
        tokens: 17,
      },
      {
        text: "Photosynthesis is how green plants make food from light, water and air, and so all of us live",
        tokens: 17,
      },
      {
        text: "London is the largest city of England and stands on the river Thames, which flows to the sea",
        tokens: 17,
      },
    ],
  },
  {
    name: "200 tokens",
    candidates: [
      { text: GARDEN, tokens: 200 },
      { text: HARBOR, tokens: 200 },
      { text: `${HARBOR.slice(120)}\n${GARDEN}`, tokens: 200 },
      { text: `${GARDEN.slice(200)}\n${HARBOR}`, tokens: 200 },
    ],
  },
];

/** What every random model is asked; its seed, not the prompt, is chosen by the margins. */
export const RANDOM_PROMPTS = [
  { name: "short", text: "Once upon a time" },
  { name: "24 tokens", text: HARBOR, tokens: 24 },
];

/** Whose logits are compared. */
export const LOGITS_PROMPT = { text: GARDEN, tokens: 24 };

/**
 * What the models of the architectures are asked: the first whose margins are wide enough, before the next seed is
 * tried. A model is slower to make than a prompt to answer.
 * @type {readonly Candidate[]}
 */
export const ARCHITECTURE_PROMPTS = [HARBOR, GARDEN]
  .flatMap((text) => text.split(/(?<=[.?!]"?)\s+/).map((_, at, all) => all.slice(at, at + 6).join(" ")))
  .filter((text) => text.length > 200)
  .filter((_, i) => i % 4 === 0)
  .map((text) => ({ text, tokens: 24 }));

/** More than 1,000 tokens in the vocabulary of random models. */
export const LONG_TEXT = [HARBOR, GARDEN, HARBOR, GARDEN].join("\n");
