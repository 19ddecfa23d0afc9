/** How a prompt is handed to the embedded model: as it stands, or as a question in the chat form it was trained on. */
export type PromptForm = "continue" | "question";

export interface Example {
  label: string;
  form: PromptForm;
  prompt: string;
}

/** Prompts in the registers the embedded model has learned. */
export const EXAMPLES: readonly Example[] = [
  { label: "Story", form: "continue", prompt: "Once upon a time, there was a little dog named Max." },
  { label: "Tale", form: "question", prompt: "Tell me a story about a dragon." },
  { label: "Shakespeare", form: "continue", prompt: "ROMEO:\n" },
  { label: "Code", form: "question", prompt: "Create a JavaScript function that reverses a string." },
  { label: "Who are you?", form: "question", prompt: "Who are you?" },
];

/**
 * The text the engine gets. The chat form is the embedded model's own: control tokens `<|user|>` and `<|assistant|>`,
 * one turn, ended by the model with `<|end|>`.
 */
export function composePrompt(text: string, form: PromptForm): string {
  return form === "question" ? `<|user|>\n${text.trim()}\n<|assistant|>\n` : text;
}
