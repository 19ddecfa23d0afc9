import { expect, it } from "vitest";
import {
  answer,
  asConversation,
  ask,
  exported,
  messagesOf,
  newConversation,
  renamed,
} from "./conversation.ts";

const asked = ask(newConversation(), "Where do the wild geese go in winter, and why do they return?", 0);

it("is named by its first question, whole words of it, until it is renamed", () => {
  expect(asked.title).toBe("Where do the wild geese go in winter,…");
  expect(ask(answer(asked, "South.", ""), "Why?", 2).title).toBe(asked.title);
  expect(renamed(asked, " Geese ").title).toBe("Geese");
  expect(ask(newConversation(), "x".repeat(100), 0).title).toBe(`${"x".repeat(40)}…`);
});

it("drops what was said after a question that is asked anew, and an answer that is given anew", () => {
  const two = answer(ask(answer(asked, "South.", ""), "Why?", 2), "Warmth.", "");
  expect(answer(two, "Food.", "").turns.map(({ content }) => content)).toEqual([
    asked.turns[0]!.content,
    "South.",
    "Why?",
    "Food.",
  ]);
  expect(ask(two, "And ducks?", 0).turns).toEqual([{ role: "user", content: "And ducks?" }]);
});

it("gives the model the turns up to the last question, after the system message if there is one", () => {
  const answered = answer(ask(newConversation(), "Hi", 0), "Hello.", "12 tokens");
  expect(messagesOf(answered, " ")).toEqual([{ role: "user", content: "Hi" }]);
  expect(messagesOf(ask(answered, "Bye", 2), "Be kind.")).toEqual([
    { role: "system", content: "Be kind." },
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello." },
    { role: "user", content: "Bye" },
  ]);
  expect(JSON.parse(exported(answered)).messages).toHaveLength(2);
});

it("is taken from the store only if it is one", () => {
  expect(asConversation(structuredClone(asked))).toEqual(asked);
  for (const value of [undefined, 1, {}, { ...asked, turns: [{ role: "root", content: "" }] }])
    expect(asConversation(value)).toBeUndefined();
});
