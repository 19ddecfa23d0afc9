/** Who speaks. `tool` carries the result of a tool call back to the model. */
export type Role = "system" | "user" | "assistant" | "tool";

/** One turn of a conversation. `content` is plain text: special tokens spelt out in it stay text. */
export interface Message {
  readonly role: Role;
  readonly content: string;
}

/** Tells messages from token ids by the first item; an empty list is none of either. */
export function isMessages(prompt: unknown): prompt is readonly Message[] {
  return Array.isArray(prompt) && typeof prompt[0] === "object";
}
