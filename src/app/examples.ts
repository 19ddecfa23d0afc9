/** What is done with a prompt: the model goes on with it, or answers it as the next question of a conversation. */
export type Mode = "continue" | "chat";

export interface Example {
  label: string;
  mode: Mode;
  prompt: string;
}

/** Prompts in the registers the embedded model has learned. */
export const EXAMPLES: readonly Example[] = [
  { label: "Story", mode: "continue", prompt: "Once upon a time, there was a little dog named Max." },
  { label: "Tale", mode: "chat", prompt: "Tell me a story about a dragon." },
  {
    label: "Sum",
    mode: "chat",
    prompt: "Tom has 5 apples and buys 7 more. How many apples does Tom have now?",
  },
  { label: "Shakespeare", mode: "continue", prompt: "ROMEO:\n" },
  { label: "Code", mode: "chat", prompt: "Create a JavaScript function that reverses a string." },
  { label: "Who are you?", mode: "chat", prompt: "Who are you?" },
];
