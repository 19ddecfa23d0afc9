// @ts-check
/** Openings of the kinds of text that the embedded model was made for; those at even places tune, the others test. */
export const PROMPTS = [
  "Once upon a time there was a small fox who wanted to see the sea.",
  "One rainy morning Ben found a red key under his bed.",
  "<|user|>\nTell me a story about a brave little boat.\n<|assistant|>\n",
  "<|user|>\nWhat is the capital of a country?\n<|assistant|>\n",
  "def add_all(numbers):\n    total = 0\n    for",
  "function sum(list) {\n  let total = 0;\n  return",
  "<|user|>\nAnna has 12 apples. She gives 5 to Tom and buys 9 more. How many does she have?\n<|assistant|>\n",
  "Calculate 34 + 57.\nFirst add the ones:",
  "KING:\nMy lord, the night is dark and",
  "ROMEO:\nWhat say you of",
  "The river flows through the northern part of the country and",
  "The church was built in the 12th century. It is",
  "<|user|>\nHow do I make a simple vegetable soup?\n<|assistant|>\n",
  "<|user|>\nWho are you?\n<|assistant|>\n",
  "The lion and the mouse were friends. One day the mouse said",
  "class Stack:\n    def __init__(self):",
];
