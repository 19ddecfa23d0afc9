import type { Message } from "../../index.ts";

/** One side's words. `note` says how an answer ended, for the person. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly content: string;
  readonly note?: string;
}

/** Turns alternate, beginning with the person's. Values are never changed, only replaced. */
export interface Conversation {
  readonly id: string;
  readonly title: string;
  readonly turns: readonly Turn[];
  /** Milliseconds since 1970 of the last change. */
  readonly updated: number;
}

const LONGEST_TITLE = 40;
const UNTITLED = "New conversation";

export function newConversation(): Conversation {
  return { id: crypto.randomUUID(), title: UNTITLED, turns: [], updated: Date.now() };
}

/** The first words of a question. */
export function titleFrom(question: string): string {
  const line = question.trim().replaceAll(/\s+/g, " ");
  if (line.length <= LONGEST_TITLE) return line;
  const cut = line.slice(0, LONGEST_TITLE);
  return `${cut.slice(0, cut.lastIndexOf(" ") > 0 ? cut.lastIndexOf(" ") : undefined)}…`;
}

const changed = (conversation: Conversation, turns: readonly Turn[]): Conversation => ({
  ...conversation,
  turns,
  updated: Date.now(),
});

/** Asks a question as turn `at`; what was said from there on goes. */
export function ask(conversation: Conversation, question: string, at: number): Conversation {
  const turns: Turn[] = [...conversation.turns.slice(0, at), { role: "user", content: question }];
  const title = conversation.title === UNTITLED && at === 0 ? titleFrom(question) : conversation.title;
  return { ...changed(conversation, turns), title };
}

/** Answers the last question, in place of an answer that is there. */
export function answer(conversation: Conversation, content: string, note: string): Conversation {
  const question = questionIndex(conversation);
  return changed(conversation, [
    ...conversation.turns.slice(0, question + 1),
    { role: "assistant", content, note },
  ]);
}

/** Index of the last question; -1 if there is none. */
export const questionIndex = ({ turns }: Conversation): number =>
  turns.findLastIndex(({ role }) => role === "user");

export const renamed = (conversation: Conversation, title: string): Conversation => ({
  ...conversation,
  title: title.trim() || UNTITLED,
});

/** What the model is given to answer the last question. */
export function messagesOf(conversation: Conversation, system: string): Message[] {
  const turns = conversation.turns.slice(0, questionIndex(conversation) + 1);
  return [
    ...(system.trim() === "" ? [] : [{ role: "system", content: system.trim() } as const]),
    ...turns.map(({ role, content }) => ({ role, content })),
  ];
}

/** A conversation as a file: the messages in the form that chat programs share. */
export function exported({ title, turns, updated }: Conversation): string {
  const messages = turns.map(({ role, content }) => ({ role, content }));
  return `${JSON.stringify({ title, updated: new Date(updated).toISOString(), messages }, null, 2)}\n`;
}

/** What was stored, if it is a conversation: another version of the page may have written it. */
export function asConversation(value: unknown): Conversation | undefined {
  const { id, title, turns, updated } = (value ?? {}) as Record<string, unknown>;
  const isTurn = (turn: unknown): turn is Turn => {
    const { role, content, note } = (turn ?? {}) as Record<string, unknown>;
    return (
      (role === "user" || role === "assistant") &&
      typeof content === "string" &&
      (note === undefined || typeof note === "string")
    );
  };
  return typeof id === "string" &&
    typeof title === "string" &&
    typeof updated === "number" &&
    Array.isArray(turns) &&
    turns.every(isTurn)
    ? { id, title, turns, updated }
    : undefined;
}
